//! JNI functions over `assay-core`.
