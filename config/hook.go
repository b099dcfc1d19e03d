package config

import (
	"net"
	"net/url"
	"regexp"
	"time"
)

// minSigningKey is the length in bytes below which a key of HMAC-SHA256 is
// weaker than its hash (RFC 2104, section 3, of keys shorter than the output).
const minSigningKey = 32

var signingKeyID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Hook is a receiver of the operator's own that keyrotator calls.
type Hook struct {
	URL          string        `yaml:"url" jsonschema:"required" doc:"Where requests are posted to. It must be https, or http on loopback; redirects are not followed."`
	SigningKey   Secret        `yaml:"signing_key" jsonschema:"required" doc:"The key that every request is signed with, 32 bytes at least, shared with the receiver. Best read from a file: ${file:/etc/keyrotator/hook-key}."`
	SigningKeyID string        `yaml:"signing_key_id" jsonschema:"default=1" doc:"What the receiver calls that key, so that it can know two while one replaces the other."`
	Token        Secret        `yaml:"token" doc:"Sent as Authorization: Bearer, for a gateway before the receiver."`
	CAFile       string        `yaml:"ca_file" doc:"Absolute path of PEM certificates that are trusted beside the system's."`
	Timeout      time.Duration `yaml:"timeout" jsonschema:"default=5s" check:"positive" doc:"How long one try may take. A post is tried three times at most."`
}

func (c *checker) hook(path string, h Hook) {
	c.plainURL(path+".url", h.URL)
	if at := path + ".signing_key"; c.usable(at) && len(h.SigningKey.value) < minSigningKey {
		c.fail(at, "is shorter than 32 bytes", "make one with: openssl rand -hex 32")
	}
	if at := path + ".signing_key_id"; c.given(at) {
		c.match(at, h.SigningKeyID, signingKeyID, "an id (1 to 64 letters, digits or ._-)")
	}
	c.caFile(path+".ca_file", h.CAFile)
	c.notEmpty(path+".token", h.Token.value)
	c.fitsAnEffect(path+".timeout", h.Timeout)
}

// plainURL checks a URL that may be left out, unless it is required.
func (c *checker) plainURL(at, text string) {
	if !c.given(at) || !c.usable(at) {
		return
	}
	if wrong := wrongEndpoint(text); wrong != "" {
		c.fail(at, wrong, "")
	}
}

// readURL is plainURL, with a query allowed, for a service of the operator's own that is only asked
// and never told a secret, so that plain http is nobody's harm.
func (c *checker) readURL(at, text string) {
	if !c.given(at) || !c.usable(at) {
		return
	}
	switch u, err := url.Parse(text); {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		c.fail(at, "is not a URL such as http://runner.internal:8080/health", "")
	case u.User != nil || u.Fragment != "":
		c.fail(at, "must be a URL without user and fragment", "")
	}
}

func (c *checker) caFile(at, file string) {
	if c.given(at) && c.usable(at) {
		c.absolute(at, file)
	}
}

func (c *checker) notEmpty(at, text string) {
	if c.given(at) && c.usable(at) && text == "" {
		c.fail(at, "is empty", "leave it out")
	}
}

// hostName checks a name or an address without a port.
func (c *checker) hostName(at, host string) {
	if !c.given(at) || !c.usable(at) {
		return
	}
	if net.ParseIP(host) == nil && !hostPattern.MatchString(host) {
		c.fail(at, "is not the name of a host", "without scheme and port")
	}
}

// hostPattern is RFC 1123, section 2.1, with underscores, which some resolvers
// of clusters know.
var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)
