package journal

// networkFileSystem tells whether the magic number of a file system, as statfs
// returns it (linux/magic.h), is one of NFS, SMB or FUSE.
func networkFileSystem(magic int64) (name string, refused bool) {
	switch uint32(magic) { // statfs widens 32 bits, on some machines with their sign
	case 0x6969:
		return "NFS", true
	case 0x517B:
		return "SMB", true
	case 0xFF534D42:
		return "CIFS", true
	case 0xFE534D42:
		return "SMB2", true
	case 0x65735546:
		return "FUSE", true
	}
	return "", false
}
