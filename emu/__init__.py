"""ringscope: an x86 whose every change of privilege can be watched, counted and tested."""
