package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	yaml "github.com/goccy/go-yaml"
)

// Fingerprint tells apart two configurations under which a user may be stepped
// differently: it is a SHA-256 over the file without comments, without the
// sections that say how a replica lives (journal, sealing, schedule, limits), and
// without what the file takes from elsewhere (${file:…}, ${env:…}). It does not
// depend on the version of the program, and is empty for a configuration that
// does not come from Parse.
func (c *Config) Fingerprint() string { return c.print }

// fingerprint is of a file that was found to be right.
func fingerprint(data []byte) string {
	var sections map[string]any
	text := data
	if yaml.Unmarshal(data, &sections) == nil {
		for _, own := range []string{"journal", "sealing", "schedule", "limits"} {
			delete(sections, own)
		}
		if canonical, err := json.Marshal(sections); err == nil {
			text = canonical
		}
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
