package program

// head keeps the beginning of what is written to it and lets the rest go, so
// that nobody who writes more waits for a reader.
type head struct {
	limit     int
	kept      []byte
	overflown bool
}

func (h *head) Write(p []byte) (int, error) {
	room := h.limit - len(h.kept)
	if len(p) > room {
		h.overflown = true
		h.kept = append(h.kept, p[:room]...)
		return len(p), nil
	}
	h.kept = append(h.kept, p...)
	return len(p), nil
}

// tail keeps the end of what is written to it: the last line of a complaint is
// usually the one that says why.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-t.limit):]...)
	if extra := len(t.kept) - t.limit; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}
	return len(p), nil
}
