//! real_client.
