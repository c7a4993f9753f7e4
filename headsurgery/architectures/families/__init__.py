"""Declarations of families, by how they make their queries; `architectures.table` puts them together."""
