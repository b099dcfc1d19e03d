package circleci_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/circleci"
	"github.com/keyrotator/keyrotator/store/circleci/circlecitest"
	"github.com/keyrotator/keyrotator/store/rest/resttest"
	"github.com/keyrotator/keyrotator/store/storetest"
)

var (
	one = store.NewCredential("AKIAONE", "canary-one/wJalrXUtnFEMI")
	two = store.NewCredential("AKIATWO", "canary-two/bPxRfiCYEXAMPLE")
)

// places are the ways to name a place; all but the last name the context.
var places = []struct {
	name, key string
	set       func(*circleci.Options)
}{
	{"a context by its id", "context/" + circlecitest.ContextID, func(o *circleci.Options) { o.Context = circlecitest.ContextID }},
	{"a context by its name and its organization's slug", "context/" + circlecitest.ContextID, func(o *circleci.Options) { o.Context, o.Organization = "deploy", "gh/acme" }},
	{"a context by its name and its organization's id", "context/" + circlecitest.ContextID, func(o *circleci.Options) { o.Context, o.Organization = "deploy", circlecitest.OwnerID }},
	{"a project", "project/gh/acme/app", func(o *circleci.Options) { o.Project = "gh/acme/app" }},
}

func pair(t *testing.T) store.Variables {
	t.Helper()
	v, err := store.NewVariables(store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t *testing.T, s *circlecitest.StandIn, set ...func(*circleci.Options)) *circleci.Store {
	t.Helper()
	o := circleci.Options{HTTP: http.DefaultClient, URL: s.URL, Token: circlecitest.Token, Variables: pair(t), Owner: storetest.Owner}
	for _, f := range set {
		f(&o)
	}
	made, err := circleci.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestVariablesConform(t *testing.T) {
	dotenv, err1 := store.Dotenv(store.Names{})
	document, err2 := store.JSON(store.Names{})
	single, err3 := store.NewSingleVariable("AWS_CREDENTIAL", document)
	mailNames := store.Names{SMTPUser: "SMTP_USERNAME", SMTPPassword: "SMTP_PASSWORD", SMTPRegion: "eu-west-1"}
	mail, err4 := store.NewVariables(mailNames)
	mailDotenv, err5 := store.Dotenv(mailNames)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	for _, at := range places {
		for _, x := range []struct {
			name, document string
			kept           []string
			payload        store.Payload
			variables      store.Variables
		}{
			{"two variables", "A_FLAG=kept\nZ_OTHER=kept too\n", []string{"A_FLAG=kept\n", "Z_OTHER=kept too\n"}, dotenv, pair(t)},
			{"one JSON variable", "", nil, document, single},
			{"the variables of SES SMTP", "", nil, mailDotenv, mail},
		} {
			t.Run(x.name+" of "+at.name, func(t *testing.T) {
				names := x.variables.Names()
				storetest.Run(t, storetest.Harness{
					Payload: x.payload, Document: []byte(x.document), Kept: x.kept, WriteOnly: true, Unmarked: true,
					NewPlace: func(t *testing.T) storetest.Place {
						s := circlecitest.New(t)
						return storetest.Place{
							Open: func(t *testing.T, owner string, adopt bool) store.Store {
								return open(t, s, at.set, func(o *circleci.Options) { o.Owner, o.Adopt, o.Variables = owner, adopt, x.variables })
							},
							Seed:       func(_ *testing.T, document []byte) { s.Seed(at.key, names, document) },
							Content:    func(*testing.T) []byte { return s.Content(at.key, names) },
							Writes:     func(*testing.T) int { s.Mu.Lock(); defer s.Mu.Unlock(); return s.Writes },
							LoseAnswer: func(_ *testing.T, n int) { s.LoseAnswers(n) },
						}
					},
				})
			})
		}
	}
}

func TestARefusedWriteChangesNothingAndSaysWhy(t *testing.T) {
	for _, at := range places {
		method := http.MethodPut
		if strings.HasPrefix(at.key, "project") {
			method = http.MethodPost
		}
		t.Run(at.name, func(t *testing.T) {
			resttest.Refusals(t, method, func(t *testing.T) (store.Store, *resttest.Faults) {
				s := circlecitest.New(t)
				return open(t, s, at.set), &s.Faults
			})
		})
	}
}

func TestAPutThatIsRefusedHalfwaySaysSo(t *testing.T) {
	for _, at := range places {
		method := http.MethodPut
		if strings.HasPrefix(at.key, "project") {
			method = http.MethodPost
		}
		t.Run(at.name, func(t *testing.T) {
			resttest.Halfway(t, method, func(t *testing.T) (store.Store, *resttest.Faults) {
				s := circlecitest.New(t)
				return open(t, s, at.set), &s.Faults
			})
		})
	}
}

func TestTheSecretIsWrittenBeforeTheID(t *testing.T) {
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			s := circlecitest.New(t)
			place := open(t, s, at.set)
			if _, err := place.Put(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			// What a reader may see in between, frozen by losing the first answer.
			s.LoseAnswers(1)
			if _, err := place.Put(t.Context(), two); !errors.Is(err, store.ErrAmbiguous) {
				t.Fatalf("put with a lost answer: %v", err)
			}
			want := map[string]string{"AWS_ACCESS_KEY_ID": one.KeyID(), "AWS_SECRET_ACCESS_KEY": two.RevealSecret()}
			s.Mu.Lock()
			defer s.Mu.Unlock()
			if !maps.Equal(s.Values[at.key], want) {
				t.Error("between the two writes the place does not hold the old id with the new secret")
			}
		})
	}
}

func TestAFirstPutThatStoppedHalfwayIsFinishedByTheSameStore(t *testing.T) {
	s := circlecitest.New(t)
	place := open(t, s, places[0].set)
	s.LoseAnswers(1)
	if _, err := place.Put(t.Context(), one); !errors.Is(err, store.ErrAmbiguous) {
		t.Fatalf("put with a lost answer: %v", err)
	}
	if _, err := open(t, s, places[0].set).Put(t.Context(), one); !errors.Is(err, store.ErrForeign) {
		t.Errorf("put by a store that knows of no write: %v, want ErrForeign", err)
	}
	if _, err := place.Put(t.Context(), one); err != nil {
		t.Errorf("put by the store that wrote the first half: %v", err)
	}
}

func TestAProjectThatKeepsItsOldValueIsNoticed(t *testing.T) {
	s := circlecitest.New(t)
	place := open(t, s, places[3].set)
	if _, err := place.Put(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	s.Mu.Lock()
	s.Stale = true
	s.Mu.Unlock()
	if _, err := place.Put(t.Context(), two); !errors.Is(err, store.ErrConflict) || !strings.Contains(err.Error(), "another value") {
		t.Errorf("put that did not replace: %v", err)
	}
}

func TestACheckNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*circleci.Options)
		with resttest.Answer
		want error
		says string
	}{
		{"a context that is not there", func(o *circleci.Options) { o.Context = circlecitest.OwnerID }, resttest.Answer{}, nil, "no such context"},
		{"a context whose name is not there", func(o *circleci.Options) { o.Context, o.Organization = "dploy", "gh/acme" }, resttest.Answer{}, nil, `no context "dploy"`},
		{"an organization that is not there", func(o *circleci.Options) { o.Context, o.Organization = "deploy", "gh/acm" }, resttest.Answer{}, nil, "no such organization"},
		{"a project that is not there", func(o *circleci.Options) { o.Project = "gh/acme/ap" }, resttest.Answer{}, nil, "no such project"},
		{"a token that is wrong", func(o *circleci.Options) { o.Project, o.Token = "gh/acme/app", "another" }, resttest.Answer{}, store.ErrDenied, "expired"},
		{"a context that the token's user may not see", places[0].set, resttest.Answer{Status: 403}, store.ErrDenied, "security groups"},
		{"a project that the token's user may not see", places[3].set, resttest.Answer{Status: 403}, store.ErrDenied, "can see the project"},
		{"a limit on calls", places[0].set, resttest.Answer{Status: 429, Header: http.Header{"Retry-After": {"20"}}}, store.ErrThrottled, "wait 20s"},
		{"a CircleCI that is broken", places[0].set, resttest.Answer{Status: 500}, nil, "answered 500"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := circlecitest.New(t)
			if tt.with.Status != 0 {
				s.Refuse(http.MethodGet, tt.with)
			}
			err := open(t, s, tt.set).Check(t.Context())
			if err == nil || !errors.Is(err, tt.want) && tt.want != nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "canary") {
				t.Errorf("check: %v, want %v saying %q", err, tt.want, tt.says)
			}
			if errors.Is(err, store.ErrAmbiguous) {
				t.Errorf("a check that only reads is ambiguous: %v", err)
			}
		})
	}
}

func TestAListWithoutAnEndIsGivenUp(t *testing.T) {
	endless := circlecitest.New(t)
	url := new(resttest.Faults).Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{}, "next_page_token": "again"})
	}))
	err := open(t, endless, places[3].set, func(o *circleci.Options) { o.URL = url }).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("check: %v", err)
	}
}

func TestAStoreIsNamedByItsPlaceAndShowsNoToken(t *testing.T) {
	s := circlecitest.New(t)
	host := strings.TrimPrefix(s.URL, "http://")
	var locations []string
	for _, at := range places {
		place := open(t, s, at.set)
		locations = append(locations, place.Describe().Location)
		if text := fmt.Sprintf("%v %+v %#v", place, place, place); strings.Contains(text, circlecitest.Token) {
			t.Error("a store shows its token")
		}
	}
	want := []string{"context/" + circlecitest.ContextID, "context/gh/acme/deploy", "context/" + circlecitest.OwnerID + "/deploy", "project/gh/acme/app"}
	for i := range want {
		want[i] = host + "/" + want[i] + "#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"
	}
	if !slices.Equal(locations, want) {
		t.Errorf("locations %q, want %q", locations, want)
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for name, set := range map[string]func(*circleci.Options){
		"no place":                       func(*circleci.Options) {},
		"two places":                     func(o *circleci.Options) { o.Context, o.Project = circlecitest.ContextID, "gh/acme/app" },
		"a name without organization":    func(o *circleci.Options) { o.Context = "deploy" },
		"a project that leads elsewhere": func(o *circleci.Options) { o.Project = "gh/../app" },
		"no token":                       func(o *circleci.Options) { o.Context, o.Token = circlecitest.ContextID, "" },
		"no owner":                       func(o *circleci.Options) { o.Context, o.Owner = circlecitest.ContextID, "" },
		"no variables":                   func(o *circleci.Options) { o.Context, o.Variables = circlecitest.ContextID, store.Variables{} },
		"no address":                     func(o *circleci.Options) { o.Context, o.URL = circlecitest.ContextID, "" },
	} {
		o := circleci.Options{HTTP: http.DefaultClient, URL: "https://circleci.example.com", Token: circlecitest.Token, Variables: pair(t), Owner: storetest.Owner}
		set(&o)
		if made, err := circleci.New(o); err == nil || strings.Contains(err.Error(), circlecitest.Token) {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
}
