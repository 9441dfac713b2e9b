//! Rules: which events go to which channel, which are ignored.
