package awsemu

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Unique ids look like AWS's: four letters for the kind, then base 32.
const (
	prefixUser    = "AIDA"
	prefixRole    = "AROA"
	prefixKey     = "AKIA"
	prefixSession = "ASIA"
)

// random fills n bytes from the seeded generator. The caller holds s.mu.
func (s *Server) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.rng.Uint32())
	}
	return b
}

// entityID makes a 21-character id such as AIDA... or AROA.... The caller holds s.mu.
func (s *Server) entityID(prefix string) string {
	return prefix + base32.StdEncoding.EncodeToString(s.random(15))[:17]
}

// keyID makes a 20-character access key id which carries its account number in the forty bits where AWS's ids have
// it, so that sts:GetAccessKeyInfo can answer from the id alone. The caller holds s.mu.
func (s *Server) keyID(prefix, accountID string) string {
	number, _ := strconv.ParseUint(accountID, 10, 64) // twelve digits: checked by CreateAccount
	for {
		b := s.random(10)
		var head [8]byte
		binary.BigEndian.PutUint64(head[:], 1<<47|number<<7|uint64(b[5]&0x7f))
		copy(b, head[2:])
		id := prefix + base32.StdEncoding.EncodeToString(b)
		if s.keys[id] == nil && s.sessions[id] == nil {
			return id
		}
	}
}

// accountOf reads the account number out of an access key id; false when the id is not of that form.
func accountOf(keyID string) (string, bool) {
	if len(keyID) != 20 {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(keyID[4:])
	if err != nil {
		return "", false
	}
	var head [8]byte
	copy(head[2:], b[:6])
	number := binary.BigEndian.Uint64(head[:]) & 0x7fffffffff80 >> 7
	if number > 999_999_999_999 {
		return "", false
	}
	return fmt.Sprintf("%012d", number), true
}

// secretKey makes a forty-character secret access key. The caller holds s.mu.
func (s *Server) secretKey() string { return base64.StdEncoding.EncodeToString(s.random(30)) }

// uuid makes a version 4 UUID. The caller holds s.mu.
func (s *Server) uuid() string {
	b := s.random(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// suffix makes the six characters which Secrets Manager appends to a secret's ARN. The caller holds s.mu.
func (s *Server) suffix() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := s.random(6)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}
