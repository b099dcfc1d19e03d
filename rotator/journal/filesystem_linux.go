package journal

import "syscall"

func fileSystem(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Type), nil //nolint:unconvert // the type differs between architectures
}
