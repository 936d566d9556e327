"""The words a person types, as a person types them: real processes where it matters."""
