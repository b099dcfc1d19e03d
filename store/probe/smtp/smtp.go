// Package smtp probes a credential by logging in to Amazon SES over SMTP, with
// the key id as user and the password that is derived from the secret. No mail
// is sent. Nothing secret leaves before the session is encrypted and the
// server's certificate is good for its name.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of probe.
const Kind = "smtp"

// sessionLimit bounds a whole session.
const sessionLimit = 20 * time.Second

// Options says what New needs to know.
type Options struct {
	// Region is the one that the password is derived for.
	Region string
	Host   string
	Port   int
	// Immediate encrypts from the first byte; otherwise STARTTLS has to be
	// offered.
	Immediate bool
	// TLS says whom to trust; nil means the system's authorities.
	TLS *tls.Config
}

// Probe logs in. It is safe for concurrent use.
type Probe struct{ options Options }

// New makes a probe; it calls nobody.
func New(o Options) (*Probe, error) {
	if o.Region == "" || o.Host == "" || o.Port <= 0 {
		return nil, errors.New("make smtp probe: Region, host and port are required")
	}
	if o.TLS == nil {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	o.TLS = o.TLS.Clone()
	o.TLS.ServerName = o.Host
	return &Probe{o}, nil
}

func (p *Probe) address() string {
	return net.JoinHostPort(p.options.Host, strconv.Itoa(p.options.Port))
}

// Describe names the server.
func (p *Probe) Describe() string { return Kind + ":" + p.address() }

// Probe logs in with the credential.
func (p *Probe) Probe(ctx context.Context, c store.Credential) error {
	if c.KeyID() == "" || c.RevealSecret() == "" {
		return errors.New("log in by SMTP: the credential is incomplete")
	}
	password := store.SMTPPassword(c.RevealSecret(), p.options.Region)
	err := p.session(ctx, func(client *smtp.Client) error {
		return client.Auth(smtp.PlainAuth("", c.KeyID(), password, p.options.Host))
	})
	if err != nil {
		return fmt.Errorf("log in to %s with key %s: %w", p.address(), c.KeyID(), p.told(ctx, err, c.RevealSecret(), password))
	}
	return nil
}

// Check begins an encrypted session and does not log in.
func (p *Probe) Check(ctx context.Context) error {
	if err := p.session(ctx, func(*smtp.Client) error { return nil }); err != nil {
		return fmt.Errorf("begin a session with %s: %w", p.address(), p.told(ctx, err))
	}
	return nil
}

// session calls do within an encrypted session.
func (p *Probe) session(ctx context.Context, do func(*smtp.Client) error) error {
	limited, cancel := context.WithTimeout(ctx, sessionLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(limited, "tcp", p.address())
	if err != nil {
		return err
	}
	// Closing is what ends a read that waits.
	stop := context.AfterFunc(limited, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }() // nothing is lost in a session that only logs in
	if p.options.Immediate {
		encrypted := tls.Client(conn, p.options.TLS)
		if err := encrypted.HandshakeContext(limited); err != nil {
			return err
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, p.options.Host)
	if err != nil {
		return err
	}
	if !p.options.Immediate {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return errors.New("the server does not offer STARTTLS, and so gets no password")
		}
		if err := client.StartTLS(p.options.TLS); err != nil {
			return err
		}
	}
	if _, mechanisms := client.Extension("AUTH"); !strings.Contains(" "+mechanisms+" ", " PLAIN ") {
		return errors.New("the server does not offer to log in by AUTH PLAIN")
	}
	if err := do(client); err != nil {
		return err
	}
	_ = client.Quit() // the login has succeeded, whatever becomes of the farewell
	return nil
}

// told makes an error fit to be shown. The codes are those of the SES developer
// guide, "SMTP response codes returned by Amazon SES".
func (p *Probe) told(ctx context.Context, err error, secrets ...string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	said := errors.New(store.Screen([]byte(err.Error()), secrets...))
	reply, ok := errors.AsType[*textproto.Error](err)
	switch {
	case ok && reply.Code == 535:
		return fmt.Errorf("refused: the password is not good for Region %s, or the user may not send: %w", p.options.Region, said)
	case ok && (reply.Code == 454 || reply.Code == 421):
		return fmt.Errorf("%w: %w", store.ErrThrottled, said)
	default:
		return said
	}
}
