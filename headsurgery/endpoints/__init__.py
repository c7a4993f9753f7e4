"""Answers from servers that speak the OpenAI API: `connection` carries, `dialect` learns what a server takes, `completions` reads
what it says, `endpoint` asks.
"""
