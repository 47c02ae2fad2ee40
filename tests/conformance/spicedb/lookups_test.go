package replay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const steelthread = "../internal/services/steelthreadtesting"

// lookup is an operation of SpiceDB's with a file of what it answers.
type lookup struct {
	data, results string
	// What it is about: `document#view@user:fred` are the documents of fred, `document:doc#view@user` the users of doc.
	asked string
	// Entries of a page; 0: all at once, of which there may be 1,000.
	pageSize int
}

// lookups are the operations of SpiceDB's steelthread tests that ask for permissions.
var lookups = []lookup{
	{"basic-document", "basic-lookup-subjects-uncursored-lookup-subjects-for-somedoc", "document:somedoc#view@user", 1000},
	{"basic-document", "basic-lookup-subjects-uncursored-lookup-subjects-for-public-doc", "document:publicdoc#view@user", 0},
	{"document-with-intersect", "lookup-subjects-intersection-uncursored-lookup-subjects-for-somedoc", "document:somedoc#view@user", 0},
	{"document-with-intersect-arrow", "lookup-subjects-intersection-arrow-uncursored-lookup-subjects-for-somedoc", "document:somedoc#view@user", 0},
	{"document-with-many-resources", "basic-lookup-resources-uncursored-lookup-resources-for-fred", "document#view@user:fred", 0},
	{"document-with-many-resources", "basic-lookup-resources-uncursored-lookup-resources-for-fred", "document#indirect_view@user:fred", 0},
	{"document-with-many-resources", "basic-lookup-resources-cursored-lookup-resources-for-fred-page-size-1", "document#view@user:fred", 1},
	{"document-with-many-resources", "basic-lookup-resources-cursored-lookup-resources-for-fred-page-size-5", "document#view@user:fred", 5},
	{"document-with-many-resources", "basic-lookup-resources-cursored-lookup-resources-for-fred-page-size-16", "document#view@user:fred", 16},
	{"document-with-many-resources", "basic-lookup-resources-cursored-lookup-resources-for-fred-page-size-53", "document#view@user:fred", 53},
	{"document-with-many-resources", "basic-lookup-resources-cursored-lookup-resources-for-fred-page-size-54", "document#view@user:fred", 54},
	{"document-with-many-resources", "basic-lookup-resources-cursored-lookup-resources-for-fred-page-size-100", "document#view@user:fred", 100},
	{"document-with-many-resources", "indirect-lookup-resources-cursored-lookup-resources-for-fred-page-size-5", "document#indirect_view@user:fred", 5},
	{"document-with-many-resources", "indirect-lookup-resources-cursored-lookup-resources-for-fred-page-size-16", "document#indirect_view@user:fred", 16},
	{"document-with-many-resources", "indirect-lookup-resources-cursored-lookup-resources-for-fred-page-size-53", "document#indirect_view@user:fred", 53},
	{"document-with-many-resources", "indirect-lookup-resources-cursored-lookup-resources-for-fred-page-size-54", "document#indirect_view@user:fred", 54},
	{"document-with-many-resources", "indirect-lookup-resources-cursored-lookup-resources-for-fred-page-size-100", "document#indirect_view@user:fred", 100},
	{"document-with-many-resources", "indirect-lookup-resources-indirect-without-other-permission-page-size-5", "document#vsb@user:fred", 5},
	{"document-with-many-resources", "indirect-lookup-resources-indirect-without-other-permission-page-size-16", "document#vsb@user:fred", 16},
	{"document-with-many-resources", "basic-lookup-resources-vsb-plus-nil-page-size-16", "document#vsb_plus_nil@user:fred", 16},
	{"document-with-many-resources", "basic-lookup-resources-edit-page-size-16", "document#edit@user:fred", 16},
	{"document-with-intersect-resources", "lookup-resources-with-intersection-uncursored-indirect-lookup-resources-for-user-fred", "document#view@user:fred", 0},
	{"document-with-intersect-resources", "lookup-resources-with-intersection-uncursored-indirect-lookup-resources-for-user-fred", "document#indirect_view@user:fred", 0},
	{"document-with-intersect-resources", "lookup-resources-with-intersection-cursored-lookup-resources-for-user-fred", "document#view@user:fred", 18},
	{"document-with-intersect-resources", "lookup-resources-with-intersection-cursored-lookup-resources-for-user-fred", "document#indirect_view@user:fred", 18},
}

// bulkChecks are files of data and of the checks and answers for them.
var bulkChecks = map[string]string{
	"document-with-a-few-relationships": "basic-bulk-checks-basic-bulk-checks",
	"document-with-traits":              "bulk-checks-with-traits-bulk-checks",
}

// loaded puts a file of data into a store.
func loaded(t *testing.T, data string) store {
	t.Helper()
	_, from, written := parts(t, filepath.Join(steelthread, "testdata", data+".yaml"))
	translated := translate(from)
	return newStore(t, translated, translated.tuples(written, nil), true)
}

// results reads what SpiceDB answers; pages are put together.
func results(t *testing.T, name string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(steelthread, "steelresults", name+"-results.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var read []yaml.Node
	if err := yaml.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	for _, one := range read {
		if one.Kind == yaml.ScalarNode {
			all = append(all, one.Value)
			continue
		}
		for _, entry := range one.Content {
			all = append(all, entry.Value)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no results", name)
	}
	return all
}

// collects asks for a list, page by page if the question has a page size, and gives the entries' texts.
func (s store) collects(t *testing.T, path string, question entry, field string, text func(any) string) (all []string) {
	t.Helper()
	for {
		answer := made(t, s.path+path, question)
		entries, _ := answer[field].([]any)
		for _, one := range entries {
			all = append(all, text(one))
		}
		size, paged := question["page_size"].(int)
		if !paged {
			return all
		}
		if len(entries) > size {
			t.Errorf("%d entries in a page of %d", len(entries), size)
		}
		if answer["continuation_token"] == "" {
			return all
		}
		question["continuation_token"] = answer["continuation_token"]
	}
}

func (s store) finds(t *testing.T, asked lookup) []string {
	t.Helper()
	on, subject, _ := strings.Cut(asked.asked, "@")
	on, relation, _ := strings.Cut(on, "#")
	question := entry{"relation": relation}
	if asked.pageSize > 0 {
		question["page_size"] = asked.pageSize
	}
	if typeName, id, isObject := strings.Cut(on, ":"); isObject {
		question["object"] = entry{"type": typeName, "id": id}
		question["user_filters"] = []entry{{"type": subject}}
		return s.collects(t, "/list-users", question, "users", func(user any) string {
			if object, ok := user.(entry)["object"].(entry); ok {
				return fmt.Sprint(object["id"])
			}
			return "*"
		})
	}
	question["type"] = on
	question["user"] = subject
	return s.collects(t, "/list-objects", question, "objects", func(object any) string {
		return strings.TrimPrefix(object.(string), on+":")
	})
}

func TestLookups(t *testing.T) {
	stores := map[string]store{}
	for _, asked := range lookups {
		if _, ready := stores[asked.data]; !ready {
			stores[asked.data] = loaded(t, asked.data)
		}
		t.Run(fmt.Sprintf("%s %s %d", asked.data, asked.asked, asked.pageSize), func(t *testing.T) {
			expected := results(t, asked.results)
			for n, one := range expected {
				// `* - [a, b]` is everyone but a and b.
				star, excepted, isWildcard := strings.Cut(one, " - ")
				if !isWildcard {
					continue
				}
				expected[n] = star
				for _, id := range strings.Split(strings.Trim(excepted, "[]"), ", ") {
					stores[asked.data].denies(t, asked.asked+":"+id)
				}
			}
			found := stores[asked.data].finds(t, asked)
			// Only SpiceDB's pages may give an entry again.
			slices.Sort(expected)
			expected = slices.Compact(expected)
			slices.Sort(found)
			if !slices.Equal(found, expected) {
				t.Errorf("%d: %v; expected %d: %v", len(found), found, len(expected), expected)
			}
		})
	}
}

func (s store) denies(t *testing.T, text string) {
	t.Helper()
	asked, err := readRelationship(text)
	if err != nil {
		t.Fatal(err)
	}
	if allowed, refused := s.asks(t, "/check", entry{"tuple_key": asked.key()}, nil, "allowed"); allowed != false {
		t.Errorf("%s: %v %s", text, allowed, refused)
	}
}

func TestBulkChecks(t *testing.T) {
	for data, name := range bulkChecks {
		stored := loaded(t, data)
		lines := results(t, name)
		var checks []entry
		for n, line := range lines {
			text, _, _ := strings.Cut(line, " -> ")
			asked, err := readRelationship(text)
			if err != nil {
				t.Fatal(err)
			}
			check := entry{"tuple_key": asked.key(), "correlation_id": fmt.Sprint(n)}
			// The context stands where a relationship has its caveat.
			if _, context, given := strings.Cut(asked.caveat, ":"); given {
				check["context"] = json.RawMessage(context)
			}
			checks = append(checks, check)
		}
		answers := made(t, stored.path+"/batch-check", entry{"checks": checks})["result"].(entry)
		for n, line := range lines {
			t.Run(data+" "+line, func(t *testing.T) {
				_, expected, _ := strings.Cut(line, " -> PERMISSIONSHIP_")
				answer := answers[fmt.Sprint(n)].(entry)
				found := "NO_PERMISSION"
				switch {
				case strings.Contains(fmt.Sprint(answer["error"]), isMissing):
					found = "CONDITIONAL_PERMISSION"
				case answer["allowed"] == true:
					found = "HAS_PERMISSION"
				}
				if found != expected {
					t.Errorf("%s: %v; expected %s", found, answer, expected)
				}
			})
		}
	}
}
