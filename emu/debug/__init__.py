"""The debugging core: a machine that stops where one likes, is read, changed, and run backwards."""
