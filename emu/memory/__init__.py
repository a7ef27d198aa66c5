"""Physical memory, page tables and the page walk."""
