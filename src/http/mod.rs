//! The HTTP edge shared by all pages and endpoints.
