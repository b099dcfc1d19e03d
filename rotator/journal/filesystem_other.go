//go:build !linux

package journal

// fileSystem knows nothing outside Linux, where the daemon is meant to run.
func fileSystem(string) (int64, error) { return 0, nil }
