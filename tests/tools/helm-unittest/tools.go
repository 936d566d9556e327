//go:build tools

// Package tools names what this module is there for, so that its go.mod keeps the versions of it.
package tools

import _ "github.com/helm-unittest/helm-unittest/cmd/helm-unittest"
