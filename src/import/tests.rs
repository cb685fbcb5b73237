//! The room from outside: whole small sites.
