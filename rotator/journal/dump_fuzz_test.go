package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
)

// FuzzReadDump: a file is refused as no dump, or its rows make the same dump.
func FuzzReadDump(f *testing.F) {
	f.Add(written(dumpLine{User: &dumpUser{Account: "a", Name: "n", LastHash: make([]byte, 32)}}, dumpLine{Meta: &dumpMeta{Name: "canary", Value: []byte{0}}}))
	f.Add(written(dumpLine{Request: &dumpRequest{Number: 1, Account: "*", Name: "*"}}, dumpLine{Sealed: &dumpSealed{Key: "K", Bytes: []byte{1}}}))
	f.Add(written())
	f.Add([]byte(`{"journal":{"format":"keyrotator journal","version":1}}` + "\n" + `{"user":{},"meta":{}}` + "\n" + `{"end":{}}` + "\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		file = summed(file)
		var header dumpHeader
		var lines []dumpLine
		counts, err := readDump(bytes.NewReader(file),
			func(h dumpHeader) error { header = h; return nil },
			func(l dumpLine) error { lines = append(lines, l); return nil })
		if err != nil {
			if !errors.Is(err, ErrDump) {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		if header.Format != dumpFormat || counts.Users+counts.History+counts.Sealed+counts.Requests+counts.Meta != len(lines) {
			t.Fatalf("taken as %+v with %d lines", counts, len(lines))
		}
		again := summed(written(lines...))
		if got, err := readDump(bytes.NewReader(again), func(dumpHeader) error { return nil }, func(dumpLine) error { return nil }); err != nil || got != counts {
			t.Fatalf("taken as %+v, and what is made of it as %+v: %v", counts, got, err)
		}
	})
}

// summed has the SHA-256, which the fuzzer does not find, in the place of SUM.
func summed(file []byte) []byte {
	end := max(0, bytes.LastIndex(file, []byte(`{"end":`)))
	sum := sha256.Sum256(file[:end])
	return append(file[:end:end], bytes.ReplaceAll(file[end:], []byte("SUM"), []byte(hex.EncodeToString(sum[:])))...)
}

// written is a dump of the lines, with SUM in the place of its SHA-256.
func written(lines ...dumpLine) []byte {
	var b bytes.Buffer
	d := &dumper{out: bufio.NewWriter(&b), sum: sha256.New()}
	for _, l := range append([]dumpLine{{Header: &dumpHeader{Format: dumpFormat, Version: dumpVersion}}}, lines...) {
		if err := d.write(l); err != nil {
			panic(err)
		}
	}
	counts := d.counts
	if err := errors.Join(d.write(dumpLine{End: &dumpEnd{Counts: counts, SHA256: "SUM"}}), d.out.Flush()); err != nil {
		panic(err)
	}
	return b.Bytes()
}
