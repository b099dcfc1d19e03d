package main

import (
	"fmt"
	"io"
	"log"
	"sync"
	"time"
)

// report prints what happens, each line with the time since the beginning.
type report struct {
	seed  uint64
	began time.Time

	mu  sync.Mutex
	out io.Writer
}

func (r *report) linef(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, "%8.1fs  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// discard is the log of a server whose clients die on purpose.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
