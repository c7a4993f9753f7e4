"""Answers from servers that speak the OpenAI API. `endpoint` asks, `connection` sends requests, `dialect` learns which fields a
server accepts, and `completions` reads its replies.
"""
