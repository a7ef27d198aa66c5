"""What Linux promises to programs: numbers, names and structures."""
