"""The server of ``vod-bridge mcp``: tools for agents by the Model Context Protocol, over stdin and stdout.

`tools` lists them, `read_tools` and `write_tools` run them, `server` speaks the protocol by the official SDK.
Every question is one of `console.questions` or of `operations`; nothing is asked here a second way.
"""
