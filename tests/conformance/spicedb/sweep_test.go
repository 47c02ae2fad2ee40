package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Checks in one batch.
const inOneBatch = 50

// sweep holds the lists of a file's store against its checks: every relation of every object that the file names, and every
// subject that it names. SpiceDB's consistency tests do the same with its lookups. A list that has an answer holds what is
// allowed and nothing else: what a check cannot tell is not in it.
type sweep struct {
	store
	from     schema
	objects  map[string][]string
	subjects []string
}

func newSweep(s store, from schema, named []relationship) sweep {
	swept := sweep{s, from, map[string][]string{}, nil}
	for _, one := range named {
		for _, known := range []object{one.on, one.subject} {
			if known.id != "*" && !slices.Contains(swept.objects[known.typeName], known.String()) {
				swept.objects[known.typeName] = append(swept.objects[known.typeName], known.String())
			}
		}
		if one.subject.id != "*" && !slices.Contains(swept.subjects, one.user()) {
			swept.subjects = append(swept.subjects, one.user())
		}
	}
	return swept
}

// run compares, and tells how many checks it took.
func (s sweep) run(t *testing.T) (checks int) {
	for typeName, objects := range s.objects {
		definition := s.from.definitions[typeName]
		var relations []string
		for name := range definition.relations {
			relations = append(relations, name)
		}
		for name := range definition.permissions {
			relations = append(relations, name)
		}
		for _, relation := range relations {
			answers := s.checks(t, objects, relation)
			checks += len(answers)
			for _, subject := range s.subjects {
				s.objectsOf(t, typeName, relation, subject, answers)
			}
			for _, object := range objects {
				s.subjectsOf(t, object, relation, answers)
			}
		}
	}
	return checks
}

// pair is an object and a subject.
type pair struct{ object, subject string }

// checks asks for a relation of all objects to all subjects: `true`, `false` or `caveated`.
func (s sweep) checks(t *testing.T, objects []string, relation string) map[pair]string {
	t.Helper()
	var pairs []pair
	for _, object := range objects {
		for _, subject := range s.subjects {
			pairs = append(pairs, pair{object, subject})
		}
	}
	answers := map[pair]string{}
	for some := range slices.Chunk(pairs, inOneBatch) {
		var checks []entry
		for n, one := range some {
			key := entry{"user": one.subject, "relation": relation, "object": one.object}
			checks = append(checks, entry{"tuple_key": key, "correlation_id": fmt.Sprint(n)})
		}
		result := made(t, s.path+"/batch-check", entry{"checks": checks})["result"].(entry)
		for n, one := range some {
			answer := result[fmt.Sprint(n)].(entry)
			answers[one] = fmt.Sprint(answer["allowed"])
			if refused, failed := answer["error"]; failed {
				if !strings.Contains(fmt.Sprint(refused), isMissing) {
					t.Errorf("%v: %v", one, refused)
				}
				answers[one] = "caveated"
			}
		}
	}
	return answers
}

func (s sweep) objectsOf(t *testing.T, typeName, relation, subject string, answers map[pair]string) {
	question := entry{"type": typeName, "relation": relation, "user": subject}
	found, refused := s.asks(t, "/list-objects", question, nil, "objects")
	if !s.answered(t, "list objects", refused) {
		return
	}
	listed, _ := found.([]any)
	for _, object := range s.objects[typeName] {
		is := slices.Contains(listed, any(object))
		if expected := answers[pair{object, subject}]; is != (expected == "true") {
			t.Errorf("%s#%s@%s: listed %v, checked %s", object, relation, subject, is, expected)
		}
	}
	if len(listed) > len(s.objects[typeName]) {
		t.Errorf("%s#%s of %s has objects that nobody names: %v", typeName, relation, subject, listed)
	}
}

func (s sweep) subjectsOf(t *testing.T, on, relation string, answers map[pair]string) {
	onType, onID, _ := strings.Cut(on, ":")
	for subjectType := range s.from.definitions {
		question := entry{
			"object":       entry{"type": onType, "id": onID},
			"relation":     relation,
			"user_filters": []entry{{"type": subjectType}},
		}
		found, refused := s.asks(t, "/list-users", question, nil, "users")
		if !s.answered(t, "list users", refused) {
			continue
		}
		listed, _ := found.([]any)
		has := func(kind string, wanted entry) bool {
			return slices.ContainsFunc(listed, func(user any) bool {
				return fmt.Sprint(user.(entry)[kind]) == fmt.Sprint(wanted)
			})
		}
		everyone := has("wildcard", entry{"type": subjectType})
		for _, subject := range s.subjects {
			id, isOfType := strings.CutPrefix(subject, subjectType+":")
			if !isOfType || strings.Contains(id, "#") {
				continue
			}
			is := has("object", entry{"type": subjectType, "id": id})
			// Those whom only a wildcard covers are not listed one by one.
			if expected := answers[pair{on, subject}]; is != (expected == "true") && (is || !everyone) {
				t.Errorf("%s#%s@%s: listed %v, checked %s", on, relation, subject, is, expected)
			}
		}
	}
}
