"""Rows of the architecture table, by how a family makes its queries; `families` puts them together."""
