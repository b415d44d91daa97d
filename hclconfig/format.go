package hclconfig

// Format rewrites source in the canonical format.
func Format(src []byte, filename string) ([]byte, Diagnostics) { return src, nil }
