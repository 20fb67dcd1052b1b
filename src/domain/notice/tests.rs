//! Notices by tables: what is told of what, to whom, and that no word of people is in it.
