package bitbucket_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/bitbucket"
	"github.com/keyrotator/keyrotator/store/bitbucket/bitbuckettest"
	"github.com/keyrotator/keyrotator/store/rest/resttest"
	"github.com/keyrotator/keyrotator/store/storetest"
)

var (
	one = store.NewCredential("AKIAONE", "canary-one/wJalrXUtnFEMI")
	two = store.NewCredential("AKIATWO", "canary-two/bPxRfiCYEXAMPLE")
)

var places = []struct {
	name, path, location string
	set                  func(*bitbucket.Options)
}{
	{"a repository", bitbuckettest.OfRepository, "acme/web", func(o *bitbucket.Options) { o.Repository = "web" }},
	{"an environment", bitbuckettest.OfEnvironment, "acme/web/environments/Production", func(o *bitbucket.Options) { o.Repository, o.Environment = "web", "Production" }},
	{"a workspace", bitbuckettest.OfWorkspace, "workspaces/acme", func(*bitbucket.Options) {}},
}

func pair(t *testing.T) store.Variables {
	t.Helper()
	v, err := store.NewVariables(store.Names{KeyID: "AWS_ACCESS_KEY_ID", Secret: "AWS_SECRET_ACCESS_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t *testing.T, s *bitbuckettest.StandIn, set ...func(*bitbucket.Options)) *bitbucket.Store {
	t.Helper()
	o := bitbucket.Options{HTTP: http.DefaultClient, URL: s.URL, Token: bitbuckettest.Token, Workspace: "acme", Variables: pair(t), Owner: storetest.Owner}
	for _, f := range set {
		f(&o)
	}
	made, err := bitbucket.New(o)
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
						s := bitbuckettest.New(t)
						return storetest.Place{
							Open: func(t *testing.T, owner string, adopt bool) store.Store {
								return open(t, s, at.set, func(o *bitbucket.Options) { o.Owner, o.Adopt, o.Variables = owner, adopt, x.variables })
							},
							Seed:       func(_ *testing.T, document []byte) { s.Seed(at.path, names, document) },
							Content:    func(*testing.T) []byte { return s.Content(at.path, names) },
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
		t.Run("making variables of "+at.name, func(t *testing.T) {
			resttest.Refusals(t, http.MethodPost, func(t *testing.T) (store.Store, *resttest.Faults) {
				s := bitbuckettest.New(t)
				return open(t, s, at.set), &s.Faults
			})
		})
		t.Run("replacing variables of "+at.name, func(t *testing.T) {
			resttest.Refusals(t, http.MethodPut, func(t *testing.T) (store.Store, *resttest.Faults) {
				s := bitbuckettest.New(t)
				s.Seed(at.path, pair(t).Names(), []byte("AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n"))
				return open(t, s, at.set, func(o *bitbucket.Options) { o.Adopt = true }), &s.Faults
			})
		})
	}
}

func TestAPutThatIsRefusedHalfwaySaysSo(t *testing.T) {
	for _, at := range places {
		method := http.MethodPost
		t.Run(at.name, func(t *testing.T) {
			resttest.Halfway(t, method, func(t *testing.T) (store.Store, *resttest.Faults) {
				s := bitbuckettest.New(t)
				return open(t, s, at.set), &s.Faults
			})
		})
	}
}

func TestTheSecretIsWrittenBeforeTheID(t *testing.T) {
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			s := bitbuckettest.New(t)
			place := open(t, s, at.set)
			if _, err := place.Put(t.Context(), one); err != nil {
				t.Fatal(err)
			}
			// What a reader may see in between, frozen by losing the first answer.
			s.LoseAnswers(1)
			if _, err := place.Put(t.Context(), two); !errors.Is(err, store.ErrAmbiguous) {
				t.Fatalf("put with a lost answer: %v", err)
			}
			s.Mu.Lock()
			defer s.Mu.Unlock()
			want := map[string]string{"AWS_ACCESS_KEY_ID": one.KeyID(), "AWS_SECRET_ACCESS_KEY": two.RevealSecret()}
			if !maps.Equal(s.Values(at.path), want) {
				t.Error("between the two writes the place does not hold the old id with the new secret")
			}
		})
	}
}

func TestEveryVariableIsSecuredAndKeepsItsID(t *testing.T) {
	s := bitbuckettest.New(t)
	s.Seed(bitbuckettest.OfRepository, pair(t).Names(), []byte("AWS_ACCESS_KEY_ID=a\nOTHER=b\n"))
	before := s.Variables[bitbuckettest.OfRepository][0].UUID
	if s.Variables[bitbuckettest.OfRepository][0].Key == "OTHER" {
		before = s.Variables[bitbuckettest.OfRepository][1].UUID
	}
	if _, err := open(t, s, places[0].set, func(o *bitbucket.Options) { o.Adopt = true }).Put(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, v := range s.Variables[bitbuckettest.OfRepository] {
		if v.Secured == (v.Key == "OTHER") {
			t.Errorf("%s is secured: %t", v.Key, v.Secured)
		}
		if v.Key == "AWS_ACCESS_KEY_ID" && v.UUID != before {
			t.Error("the variable that was replaced has another id")
		}
	}
}

func TestAVariableThatSomebodyMadeMeanwhileIsAConflict(t *testing.T) {
	s := bitbuckettest.New(t)
	s.Racer = true
	if _, err := open(t, s, places[0].set).Put(t.Context(), one); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put: %v, want ErrConflict", err)
	}
	if len(s.Variables[bitbuckettest.OfRepository]) != 0 {
		t.Error("a put that lost a race wrote all the same")
	}
}

func TestAFirstPutThatStoppedHalfwayIsFinishedByTheSameStore(t *testing.T) {
	s := bitbuckettest.New(t)
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

func TestACheckNamesWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*bitbucket.Options)
		with resttest.Answer
		want error
		says string
	}{
		{"a workspace that is not there", func(o *bitbucket.Options) { o.Workspace = "acm" }, resttest.Answer{}, nil, "no such workspace or repository"},
		{"a repository that is not there", func(o *bitbucket.Options) { o.Repository = "wb" }, resttest.Answer{}, nil, "no such workspace or repository"},
		{"an environment that is not there", func(o *bitbucket.Options) { o.Repository, o.Environment = "web", "Prod" }, resttest.Answer{}, nil, `no deployment environment "Prod"`},
		{"a token that is wrong", func(o *bitbucket.Options) { o.Token = "another" }, resttest.Answer{}, store.ErrDenied, "expired"},
		{"an account that is wrong", func(o *bitbucket.Options) { o.Email = "somebody@example.com" }, resttest.Answer{}, store.ErrDenied, "expired"},
		{"a scope that is missing", places[0].set, resttest.Answer{Status: 403}, store.ErrDenied, "read:pipeline:bitbucket"},
		{"a limit on calls", places[1].set, resttest.Answer{Status: 429, Header: http.Header{"Retry-After": {"20"}}}, store.ErrThrottled, "wait 20s"},
		{"a Bitbucket that is broken", places[2].set, resttest.Answer{Status: 503}, nil, "answered 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := bitbuckettest.New(t)
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

func TestEachKindOfTokenIsSentInItsOwnWay(t *testing.T) {
	for name, set := range map[string]func(*bitbucket.Options){
		"an API token":    func(o *bitbucket.Options) { o.Email = bitbuckettest.Email },
		"an access token": func(*bitbucket.Options) {},
	} {
		if err := open(t, bitbuckettest.New(t), set).Check(t.Context()); err != nil {
			t.Errorf("check with %s: %v", name, err)
		}
	}
}

func TestAPageElsewhereIsNotRead(t *testing.T) {
	elsewhere := new(resttest.Faults).Serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("another address than the configured one was called")
	}))
	s := bitbuckettest.New(t)
	s.Elsewhere = elsewhere + "/2.0/x"
	err := open(t, s, places[1].set).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "lies outside") {
		t.Errorf("check: %v", err)
	}
}

func TestAListWithoutAnEndIsGivenUp(t *testing.T) {
	s := bitbuckettest.New(t)
	s.Elsewhere = s.URL + "/repositories/acme/web/environments"
	err := open(t, s, places[1].set).Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("check: %v", err)
	}
}

func TestAStoreIsNamedByItsPlaceAndShowsNoToken(t *testing.T) {
	s := bitbuckettest.New(t)
	for _, at := range places {
		place := open(t, s, at.set)
		want := strings.TrimPrefix(s.URL, "http://") + "/" + at.location + "#AWS_SECRET_ACCESS_KEY,AWS_ACCESS_KEY_ID"
		if got := place.Describe().Location; got != want {
			t.Errorf("location %q, want %q", got, want)
		}
		if text := fmt.Sprintf("%v %+v %#v", place, place, place); strings.Contains(text, bitbuckettest.Token) {
			t.Error("a store shows its token")
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	for name, set := range map[string]func(*bitbucket.Options){
		"no workspace":                func(o *bitbucket.Options) { o.Workspace = "" },
		"an environment of nothing":   func(o *bitbucket.Options) { o.Environment = "Production" },
		"no token":                    func(o *bitbucket.Options) { o.Token = "" },
		"no token beside the account": func(o *bitbucket.Options) { o.Email, o.Token = bitbuckettest.Email, "" },
		"no owner":                    func(o *bitbucket.Options) { o.Owner = "" },
		"no variables":                func(o *bitbucket.Options) { o.Variables = store.Variables{} },
		"no address":                  func(o *bitbucket.Options) { o.URL = "" },
		"no HTTP client":              func(o *bitbucket.Options) { o.HTTP = nil },
	} {
		o := bitbucket.Options{HTTP: http.DefaultClient, URL: "https://api.example.com", Token: bitbuckettest.Token, Workspace: "acme", Variables: pair(t), Owner: storetest.Owner}
		set(&o)
		if made, err := bitbucket.New(o); err == nil || strings.Contains(err.Error(), bitbuckettest.Token) {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
}
