// Package ssm writes a credential into parameters of AWS Systems Manager
// Parameter Store: one parameter that holds a document, or one for each value.
// Every parameter that holds a secret is a SecureString.
//
// A write of one parameter is a new version, so that a reader sees the old
// value or the new one. Several parameters are written one after the other,
// secrets before ids: a reader who comes in between has the new secret beside
// the old id, which does not sign in.
//
// Parameter Store has no compare-and-swap. The store reads before it writes,
// and the answer to the write tells the version's number: if that is not the
// next one, somebody else has written in between, and the version that was
// overwritten is looked at. What another writer of ours changed is merged; what
// nobody may overwrite is written back, and the Put ends with store.ErrForeign.
//
// The mark of ownership stands at the end of the version's description, which is
// written by the same call as its value: nothing can come between them. It names
// the owner and the key id, and has a hash of what it is about, so that a mark
// which outlives its value is worth nothing. Tags would be a second call, and
// stay when somebody replaces the value; labels would be a second call, too.
package ssm

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/keyrotator/keyrotator/store"
)

// Kind is how the configuration spells this kind of store.
const Kind = "ssm"

// attempts bounds how often a Put starts again because somebody else wrote.
const attempts = 3

// API is what the store calls. *ssm.Client of aws-sdk-go-v2 implements it; its
// default retries are fine, because every call made here may be repeated.
type API interface {
	GetParameter(context.Context, *sdk.GetParameterInput, ...func(*sdk.Options)) (*sdk.GetParameterOutput, error)
	GetParameterHistory(context.Context, *sdk.GetParameterHistoryInput, ...func(*sdk.Options)) (*sdk.GetParameterHistoryOutput, error)
	PutParameter(context.Context, *sdk.PutParameterInput, ...func(*sdk.Options)) (*sdk.PutParameterOutput, error)
}

// Options says what New needs to know.
type Options struct {
	// Client calls Systems Manager in Region, with permission to do so.
	Client API
	// Region is the parameters' Region.
	Region string
	// Parameter is the full name of the one parameter that holds a document of
	// Payload's shape. Both are left out with Variables.
	Parameter string
	Payload   store.Payload
	// Variables has the full names of the parameters, one for each value.
	Variables store.Variables
	// Owner is the user, as "account/user", whose credential this is.
	Owner string
	// Adopt allows taking over parameters whose value we did not write.
	Adopt bool
	// Create allows making parameters that do not exist.
	Create bool
	// KMSKeyID is the key that values are encrypted with. Empty means the key
	// that the parameter has, and AWS's own for a new one.
	KMSKeyID string
	// Tier is "Standard", "Advanced" or "Intelligent-Tiering". Empty means the
	// tier that the parameter has, and the account's default for a new one.
	Tier string
	// Tags are for parameters made by Create.
	Tags map[string]string
}

// Store is one or more parameters that a credential is written to.
type Store struct {
	options Options
	slots   []slot
}

// Readable is a Store that can be read back.
type Readable struct{ *Store }

var (
	_ store.Checker   = (*Store)(nil)
	_ store.Reader    = Readable{}
	_ store.Historian = Readable{}
)

// New makes a store; it calls nothing yet. The result is a Readable if what is
// written holds the key id and the secret, otherwise a *Store.
func New(o Options) (store.Store, error) {
	if o.Client == nil || o.Region == "" || o.Owner == "" {
		return nil, errors.New("make ssm store: client, region and owner are required")
	}
	single := o.Parameter != "" && o.Payload != nil
	if several := len(o.Variables.Names()) > 0; single == several || !single && (o.Parameter != "" || o.Payload != nil) {
		return nil, errors.New("make ssm store: either one parameter with a payload or variables are required")
	}
	if len(mark{owner: o.Owner}.String()) > maxDescription/2 {
		return nil, errors.New("make ssm store: the owner's name is too long for a mark in a description")
	}
	slots, err := slotsOf(o)
	if err != nil {
		return nil, fmt.Errorf("make ssm store: %w", err)
	}
	s := &Store{options: o, slots: slots}
	if _, ok := o.Payload.(store.ReadablePayload); ok || !single && o.Variables.Readable() {
		return Readable{s}, nil
	}
	return s, nil
}

// Describe implements store.Store. The location is the Region and the
// parameters' names.
func (s *Store) Describe() store.Description {
	var names []string
	for _, slot := range s.slots {
		names = append(names, slot.name)
	}
	return store.Description{Kind: Kind, Location: s.location(strings.Join(names, "+"))}
}

// String names the store; like all stores, it has no other printed form.
func (s *Store) String() string { return s.Describe().String() }

// Get implements store.Reader, in two or three calls a parameter. ErrEmpty also
// when a first Put was interrupted, so that one of several parameters is there.
func (r Readable) Get(ctx context.Context) (store.Held, error) {
	states, err := r.read(ctx)
	if err != nil {
		return store.Held{}, err
	}
	held := store.Held{Owner: r.commonOwner(states)}
	if missing := countMissing(states); missing == len(states) || missing > 0 && held.Owner == r.options.Owner {
		return store.Held{}, r.wrap("read", store.ErrEmpty)
	}
	if held.Credential, err = r.parse(states); err != nil {
		return store.Held{}, err
	}
	held.Previous = states[0].keyBefore(r.options.Owner, held.Credential.KeyID())
	return held, nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, c store.Credential) (store.Receipt, error) {
	states, err := s.read(ctx)
	if err != nil {
		return store.Receipt{}, err
	}
	changed := false
	for range attempts {
		if err := s.judge(states); err != nil {
			return store.Receipt{}, err
		}
		outcome, err := s.replace(ctx, states, c)
		if err != nil {
			return store.Receipt{}, err
		}
		changed = changed || outcome.changed
		if !outcome.raced {
			return store.Receipt{Version: strings.Join(outcome.versions, ","), Changed: changed}, nil
		}
		if states, err = s.read(ctx); err != nil {
			return store.Receipt{}, errors.Join(store.ErrAmbiguous, err)
		}
		for i, lost := range outcome.lost {
			states[i].base = lost.value
		}
	}
	return store.Receipt{}, s.wrap("write", store.ErrConflict)
}

// outcome is what one attempt to write all parameters came to.
type outcome struct {
	changed, raced bool
	versions       []string
	lost           map[int]*state // what was overwritten unread, by slot
}

// replace is one attempt to put the credential into parameters as they are.
func (s *Store) replace(ctx context.Context, states []*state, c store.Credential) (outcome, error) {
	done := outcome{lost: map[int]*state{}}
	values, err := s.render(states, c)
	if err != nil {
		return done, s.wrap("write", err)
	}
	for i, before := range states {
		version := before.version
		if before.version == 0 || before.value != values[i] || s.ownerOf(before) != s.options.Owner {
			done.changed = true
			answer, err := s.write(ctx, before, values[i], c.KeyID())
			if errors.Is(err, store.ErrConflict) {
				done.raced = true
				continue
			}
			if err != nil {
				return done, err
			}
			version = answer
			lost, raced, err := s.overwritten(ctx, before, answer, values[i])
			if err != nil {
				return done, err
			}
			if raced {
				done.raced, done.lost[i] = true, lost
			}
		}
		done.versions = append(done.versions, strconv.FormatInt(version, 10))
	}
	return done, nil
}

// overwritten returns what a write replaced without having seen it, if there is
// something of that kind. What must not be overwritten is written back, and the
// error is store.ErrForeign.
func (s *Store) overwritten(ctx context.Context, before *state, written int64, value string) (lost *state, raced bool, err error) {
	if written == before.version+1 || written == 1 {
		return nil, false, nil
	}
	lost, err = s.readOne(ctx, before.slot, written-1)
	if err != nil {
		return nil, false, errors.Join(store.ErrAmbiguous, err)
	}
	if lost.value == value && s.ownerOf(lost) == s.options.Owner {
		return nil, false, nil // an earlier try of this very call, whose answer was lost
	}
	if refused := s.judgeOne(lost); refused != nil {
		return nil, false, errors.Join(refused, s.giveBack(ctx, lost, written))
	}
	return lost, true, nil
}

// wrap says what was done to which parameters.
func (s *Store) wrap(doing string, err error) error {
	return fmt.Errorf("%s parameter %s: %w", doing, s.Describe().Location, err)
}
