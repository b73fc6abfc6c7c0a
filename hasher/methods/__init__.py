"""Hashing methods: one module and one class each, with the interface of `hasher.contract.Method`."""
