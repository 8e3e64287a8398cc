//! The write-back protocol in a small model, checked exhaustively.
