package replay

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Longest id that OpenFGA's API takes with any type of these files before it. Longer ones are cut.
const idBytes = 200

// file is one of SpiceDB's.
type file struct {
	Schema        string `yaml:"schema"`
	Relationships string `yaml:"relationships"`
	Assertions    struct {
		True     []string `yaml:"assertTrue"`
		Caveated []string `yaml:"assertCaveated"`
		False    []string `yaml:"assertFalse"`
	} `yaml:"assertions"`
}

// object is `type:id`.
type object struct{ typeName, id string }

func (o object) String() string { return o.typeName + ":" + o.id }

// relationship is a line of a file, with what limits it, or an assertion, with its context.
type relationship struct {
	on       object
	relation string
	subject  object
	// Of the subject; empty for the subject itself.
	subjectRelation string
	// `name` or `name:{..}`.
	caveat, expiration string
	context            json.RawMessage
}

func (r relationship) user() string {
	if r.subjectRelation == "" {
		return r.subject.String()
	}
	return r.subject.String() + "#" + r.subjectRelation
}

// String is the text of an assertion.
func (r relationship) String() string {
	text := fmt.Sprintf("%s#%s@%s", r.on, r.relation, r.user())
	if len(r.context) > 0 {
		text += " with " + string(r.context)
	}
	return text
}

// key is a tuple's.
func (r relationship) key() entry {
	return entry{"user": r.user(), "relation": r.relation, "object": r.on.String()}
}

// tuple is a tuple with what limits it.
func (r relationship) tuple() entry {
	tuple := r.key()
	if r.caveat != "" {
		name, context, given := strings.Cut(r.caveat, ":")
		condition := entry{"name": name}
		if given {
			condition["context"] = json.RawMessage(context)
		}
		tuple["condition"] = condition
	}
	if r.expiration != "" {
		tuple["expires_at"] = r.expiration
	}
	return tuple
}

func readFile(path string) (file, error) {
	var read file
	text, err := os.ReadFile(path)
	if err != nil {
		return read, err
	}
	return read, yaml.Unmarshal(text, &read)
}

var (
	form      = regexp.MustCompile(`^([^:]+):([^#]+)#([^@]+)@([^:]+):([^#\[]+)(?:#([^\[]+))?(.*)$`)
	expiryEnd = regexp.MustCompile(`\[expiration:([^\]]+)\]$`)
)

// readRelationship reads `type:id#relation@type:id#relation[caveat:{..}][expiration:..]`, or the same ` with {..}`.
func readRelationship(text string) (relationship, error) {
	text, context, _ := strings.Cut(text, " with ")
	parts := form.FindStringSubmatch(strings.TrimSpace(text))
	if parts == nil {
		return relationship{}, fmt.Errorf("`%s` is not a relationship", text)
	}
	read := relationship{
		on:              object{parts[1], short(parts[2])},
		relation:        parts[3],
		subject:         object{parts[4], short(parts[5])},
		subjectRelation: parts[6],
		context:         json.RawMessage(context),
	}
	if read.subjectRelation == "..." {
		read.subjectRelation = ""
	}
	limits := parts[7]
	if expiry := expiryEnd.FindStringSubmatch(limits); expiry != nil {
		read.expiration = expiry[1]
		limits = strings.TrimSuffix(limits, expiry[0])
	}
	if limits != "" {
		read.caveat = limits[1 : len(limits)-1]
	}
	return read, nil
}

func short(id string) string { return id[:min(len(id), idBytes)] }

// readRelationships reads a file's lines.
func readRelationships(text string) (all []relationship, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		one, err := readRelationship(line)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// tuples are a file's relationships, and those that the translation's own relations need, each once.
func (m *model) tuples(all []relationship, asked []relationship) []entry {
	var tuples []entry
	seen := map[string]bool{}
	add := func(one relationship) {
		if _, known := m.written[one.on.typeName][one.relation]; !known || seen[fmt.Sprint(one.key())] {
			return
		}
		seen[fmt.Sprint(one.key())] = true
		tuples = append(tuples, one.tuple())
	}
	for _, one := range all {
		add(one)
		relation := one.relation
		one.subjectRelation = ""
		one.relation = relation + objectsOf
		add(one)
		if one.caveat != "" {
			negated := one
			negated.relation, negated.caveat = relation+failing, not+one.caveat
			add(negated)
		}
		one.relation, one.caveat = relation+every, ""
		add(one)
	}
	for _, one := range append(asked, all...) {
		for _, known := range []object{one.on, one.subject} {
			add(relationship{on: known, relation: itself, subject: known})
			for typeName := range m.from.definitions {
				add(relationship{on: known, relation: everyone, subject: object{typeName, "*"}})
			}
		}
	}
	return tuples
}
