package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Tuples in one write, and tuples that may go along with a question.
const inOneWrite = 100

// What a check answers when a condition lacks a parameter.
const isMissing = "context is missing parameters"

// decidedOtherwise are assertions, by file, that a check answers with an error. SpiceDB takes a condition on an arrow's way for
// a part of an intersection, in which what is false wins over what cannot be told. In OpenFGA a condition is a question of
// whether the tuple is there, and a question without an answer is an error.
var decidedOtherwise = map[string]string{
	"caveatarrow": "document:caveatedorgdoc#view@user:fred",
}

// store is a store of the server under test, with a file's model and tuples.
type store struct {
	path string
	// The tuples, where they are not stored but go along with every question.
	along []entry
}

var client = http.Client{Timeout: 30 * time.Second}

// post sends a request; the answer's body if it was a success, else its message.
func post(path string, body any) (entry, string, error) {
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, "", err
	}
	request, err := http.NewRequest(http.MethodPost, os.Getenv("TESSERA_URL")+path, bytes.NewReader(sent))
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TESSERA_TOKEN"))
	response, err := client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, "", err
	}
	answer := entry{}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, "", fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
	switch {
	case response.StatusCode < 300:
		return answer, "", nil
	case response.StatusCode == http.StatusBadRequest:
		return nil, fmt.Sprint(answer["message"]), nil
	default:
		return nil, "", fmt.Errorf("%s: %s: %s", path, response.Status, text)
	}
}

// made sends a request that must succeed.
func made(t *testing.T, path string, body any) entry {
	t.Helper()
	answer, refused, err := post(path, body)
	if err != nil || refused != "" {
		t.Fatalf("%s: %s %v", path, refused, err)
	}
	return answer
}

// newStore makes a store; the tuples are written, or kept to go along.
func newStore(t *testing.T, translated *model, tuples []entry, stored bool) store {
	t.Helper()
	id := made(t, "/stores", entry{"name": "spicedb"})["id"]
	path := fmt.Sprintf("/stores/%s", id)
	definition, err := translated.json()
	if err != nil {
		t.Fatal(err)
	}
	made(t, path+"/authorization-models", definition)
	if !stored {
		return store{path, tuples}
	}
	for some := range slices.Chunk(tuples, inOneWrite) {
		made(t, path+"/write", entry{"writes": entry{"tuple_keys": some}})
	}
	return store{path: path}
}

// asks sends a question; the answer's field, or why there is none.
func (s store) asks(t *testing.T, path string, question entry, context json.RawMessage, field string) (any, string) {
	t.Helper()
	if len(context) > 0 {
		question["context"] = context
	}
	if path == "/list-users" && s.along != nil {
		question["contextual_tuples"] = s.along
	} else if s.along != nil {
		question["contextual_tuples"] = entry{"tuple_keys": s.along}
	}
	answer, refused, err := post(s.path+path, question)
	if err != nil {
		t.Fatal(err)
	}
	return answer[field], refused
}

// holds checks an assertion: true, false, or caveated, which is a check that lacks a parameter.
func (s store) holds(t *testing.T, asked relationship, expect string) {
	allowed, refused := s.asks(t, "/check", entry{"tuple_key": asked.key()}, asked.context, "allowed")
	found := fmt.Sprint(allowed)
	if strings.Contains(refused, isMissing) {
		found = "caveated"
	}
	if found != expect {
		t.Errorf("check: %s %s; expected %s", found, refused, expect)
	}
	if expect != "caveated" {
		s.lists(t, asked, expect == "true")
	}
}

// lists looks for the object among the subject's, and for the subject among the object's.
func (s store) lists(t *testing.T, asked relationship, expect bool) {
	question := entry{"type": asked.on.typeName, "relation": asked.relation, "user": asked.user()}
	objects, refused := s.asks(t, "/list-objects", question, asked.context, "objects")
	if s.answered(t, "list objects", refused) {
		all, _ := objects.([]any)
		if found := slices.Contains(all, any(asked.on.String())); found != expect {
			t.Errorf("list objects: %v; expected the object: %v", all, expect)
		}
	}
	filter := entry{"type": asked.subject.typeName}
	if asked.subjectRelation != "" {
		filter["relation"] = asked.subjectRelation
	}
	question = entry{
		"object":       entry{"type": asked.on.typeName, "id": asked.on.id},
		"relation":     asked.relation,
		"user_filters": []entry{filter},
	}
	users, refused := s.asks(t, "/list-users", question, asked.context, "users")
	if !s.answered(t, "list users", refused) {
		return
	}
	of := entry{"type": asked.subject.typeName, "id": asked.subject.id}
	wanted := entry{"object": of}
	if asked.subjectRelation != "" {
		of["relation"] = asked.subjectRelation
		wanted = entry{"userset": of}
	}
	covered := entry{"wildcard": entry{"type": asked.subject.typeName}}
	all, _ := users.([]any)
	has := func(wanted entry) bool {
		return slices.ContainsFunc(all, func(user any) bool { return fmt.Sprint(user) == fmt.Sprint(wanted) })
	}
	if found := has(wanted); found != expect && !(expect && has(covered)) {
		t.Errorf("list users: %v; expected the subject: %v", all, expect)
	}
}

// answered tells whether a list has an answer: one may lack a parameter for an entry that nobody asserts anything of.
func (s store) answered(t *testing.T, name, refused string) bool {
	t.Helper()
	if refused != "" && !strings.Contains(refused, isMissing) {
		t.Errorf("%s: %s", name, refused)
	}
	return refused == ""
}

func TestSpiceDB(t *testing.T) {
	paths, err := filepath.Glob("../internal/services/integrationtesting/testconfigs/*.yaml*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replay(t, name, path)
		})
	}
}

// parts reads a file, and of it the schema and the relationships.
func parts(t *testing.T, path string) (file, schema, []relationship) {
	t.Helper()
	read, err := readFile(path)
	if err != nil {
		t.Fatal(err)
	}
	from, err := readSchema(read.Schema)
	if err != nil {
		t.Fatal(err)
	}
	written, err := readRelationships(read.Relationships)
	if err != nil {
		t.Fatal(err)
	}
	return read, from, written
}

func replay(t *testing.T, name, path string) {
	read, from, written := parts(t, path)
	asked, expected := readAssertions(t, read)
	translated := translate(from)
	tuples := translated.tuples(written, asked)
	for title, stored := range map[string]bool{"stored": true, "sent along": false} {
		if !stored && (len(tuples) > inOneWrite || len(asked) == 0) {
			continue
		}
		t.Run(title, func(t *testing.T) {
			made := newStore(t, translated, tuples, stored)
			if stored {
				t.Run("the lists are what the checks say", func(t *testing.T) {
					swept := newSweep(made, from, slices.Concat(written, asked))
					t.Logf("%d checks", swept.run(t))
				})
			}
			for n, one := range asked {
				// A slash would begin a test's subtest.
				title := strings.ReplaceAll(expected[n]+" "+one.String(), "/", ".")
				t.Run(title, func(t *testing.T) {
					if decidedOtherwise[name] == one.String() {
						made.holds(t, one, "caveated")
						t.Skip("decided otherwise")
					}
					made.holds(t, one, expected[n])
				})
			}
		})
	}
}

func readAssertions(t *testing.T, read file) (asked []relationship, expected []string) {
	t.Helper()
	for expect, all := range map[string][]string{
		"true":     read.Assertions.True,
		"false":    read.Assertions.False,
		"caveated": read.Assertions.Caveated,
	} {
		for _, text := range all {
			one, err := readRelationship(text)
			if err != nil {
				t.Fatal(err)
			}
			asked = append(asked, one)
			expected = append(expected, expect)
		}
	}
	return asked, expected
}
