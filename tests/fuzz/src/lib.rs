//! Parsers under fire: every decoder is fed mutations of real-looking inputs.
