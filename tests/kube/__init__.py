"""The chart and the image on a real Kubernetes: a control plane, and containers of a kubelet, of its own."""
