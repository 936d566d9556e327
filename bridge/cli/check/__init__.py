"""The command ``check``: settings, connections, topics, permissions and the vendor's configuration."""
