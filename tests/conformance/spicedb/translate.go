package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authzed/spicedb/pkg/schemadsl/dslshape"
)

// Names that a translation adds. No file has them.
const (
	// A type of which there are no objects: who is related by it is nobody.
	nobody = "nobody"
	// Relates each object to itself.
	itself = "itself"
	// Relates each object to all objects of all types.
	everyone = "everyone"
	// Ends a relation to the objects of another relation's subjects: of `group:x#member`, to `group:x`.
	objectsOf = "_objects"
	// Ends a relation to everyone who lacks another.
	lacking = "_lacking"
	// Ends a relation to the objects of another relation's subjects, whether their caveats hold or not.
	every = "_every"
	// Ends a relation to those of them whose caveats do not hold.
	failing = "_failing"
	// Begins the name of a caveat that holds if another does not.
	not = "not_"
)

// entry is any JSON object.
type entry = map[string]any

// model is a translation under way.
type model struct {
	from schema
	// By type, then by relation: how it is computed, and what may be written into it.
	rewrites map[string]entry
	written  map[string]map[string][]entry
	// Caveats of which the negation is needed.
	negated map[string]bool
}

func translate(from schema) *model {
	m := &model{from, map[string]entry{}, map[string]map[string][]entry{}, map[string]bool{}}
	for name := range from.definitions {
		m.rewrites[name], m.written[name] = entry{}, map[string][]entry{}
	}
	for name, definition := range from.definitions {
		for relation, references := range definition.relations {
			for _, one := range references {
				m.direct(name, relation, one)
			}
		}
	}
	for name, definition := range from.definitions {
		for permission, expression := range definition.permissions {
			m.rewrites[name][permission] = m.rewrite(name, expression)
		}
	}
	return m
}

// direct lets subjects of a kind be written into a relation.
func (m *model) direct(typeName, relation string, to reference) {
	m.rewrites[typeName][relation] = entry{"this": entry{}}
	kind := entry{"type": to.typeName}
	switch {
	case to.wildcard:
		kind["wildcard"] = entry{}
	case to.relation != "":
		kind["relation"] = to.relation
	}
	if to.caveat != "" {
		kind["condition"] = to.caveat
	}
	same := func(other entry) bool { return fmt.Sprint(other) == fmt.Sprint(kind) }
	if !slices.ContainsFunc(m.written[typeName][relation], same) {
		m.written[typeName][relation] = append(m.written[typeName][relation], kind)
	}
}

func (m *model) rewrite(typeName string, tree *node) entry {
	switch tree.kind {
	case dslshape.NodeTypeIdentifier:
		return computed(tree.texts[dslshape.NodeIdentiferPredicateValue])
	case dslshape.NodeTypeNilExpression:
		return m.nothing(typeName)
	case dslshape.NodeTypeSelfExpression:
		m.direct(typeName, itself, reference{typeName: typeName})
		return computed(itself)
	case dslshape.NodeTypeArrowExpression:
		return m.arrow(typeName, tree)
	}
	left := m.rewrite(typeName, tree.part(dslshape.NodeExpressionPredicateLeftExpr))
	right := m.rewrite(typeName, tree.part(dslshape.NodeExpressionPredicateRightExpr))
	children := entry{"child": []entry{left, right}}
	switch tree.kind {
	case dslshape.NodeTypeUnionExpression:
		return entry{"union": children}
	case dslshape.NodeTypeIntersectExpression:
		return entry{"intersection": children}
	default:
		return without(left, right)
	}
}

func computed(name string) entry { return entry{"computedUserset": entry{"relation": name}} }

func without(base, subtract entry) entry {
	return entry{"difference": entry{"base": base, "subtract": subtract}}
}

// through is `name from tupleset`.
func through(tupleset, name string) entry {
	return entry{"tupleToUserset": entry{
		"tupleset":        entry{"relation": tupleset},
		"computedUserset": entry{"relation": name},
	}}
}

func (m *model) nothing(typeName string) entry {
	m.direct(typeName, nobody, reference{typeName: nobody})
	return computed(nobody)
}

// arrow translates `relation->name`, `relation.any(name)` and `relation.all(name)`.
func (m *model) arrow(typeName string, tree *node) entry {
	relation := tree.part(dslshape.NodeExpressionPredicateLeftExpr).texts[dslshape.NodeIdentiferPredicateValue]
	name := tree.part(dslshape.NodeExpressionPredicateRightExpr).texts[dslshape.NodeIdentiferPredicateValue]
	references := m.from.definitions[typeName].relations[relation]
	if !slices.ContainsFunc(references, func(r reference) bool { return m.from.definitions[r.typeName].has(name) }) {
		return m.nothing(typeName)
	}
	// An arrow goes by the subject's object, whatever its relation; OpenFGA's must be written as the object alone.
	tupleset := relation
	if slices.ContainsFunc(references, func(r reference) bool { return r.relation != "" }) {
		tupleset += objectsOf
		for _, one := range references {
			m.direct(typeName, tupleset, reference{typeName: one.typeName, caveat: one.caveat})
		}
	}
	if tree.texts[dslshape.NodeArrowExpressionFunctionName] != "all" {
		return through(tupleset, name)
	}
	return without(through(tupleset, name), m.notAll(typeName, relation, name))
}

// notAll is everyone who lacks a relation to some subject of another, and everyone if a caveat on such a subject does not hold.
func (m *model) notAll(typeName, relation, name string) entry {
	all := []entry{through(relation+every, name+lacking)}
	for _, one := range m.from.definitions[typeName].relations[relation] {
		m.direct(typeName, relation+every, reference{typeName: one.typeName})
		for subject := range m.from.definitions {
			m.direct(one.typeName, everyone, reference{typeName: subject, wildcard: true})
		}
		m.rewrites[one.typeName][name+lacking] = without(computed(everyone), computed(name))
		if one.caveat != "" {
			m.negated[one.caveat] = true
			m.direct(typeName, relation+failing, reference{typeName: one.typeName, caveat: not + one.caveat})
		}
	}
	if _, caveats := m.written[typeName][relation+failing]; !caveats {
		return all[0]
	}
	return entry{"union": entry{"child": append(all, through(relation+failing, everyone))}}
}

// json is the model as OpenFGA's API takes it.
func (m *model) json() (entry, error) {
	types := []entry{{"type": nobody}}
	for typeName, rewrites := range m.rewrites {
		metadata := entry{}
		for relation, kinds := range m.written[typeName] {
			metadata[relation] = entry{"directly_related_user_types": kinds}
		}
		types = append(types, entry{"type": typeName, "relations": rewrites, "metadata": entry{"relations": metadata}})
	}
	conditions := entry{}
	for _, caveat := range m.from.caveats {
		parameters := entry{}
		for _, parameter := range caveat.parts[dslshape.NodeCaveatDefinitionPredicateParameters] {
			ofType := parameter.part(dslshape.NodeCaveatParameterPredicateType)
			parameters[parameter.texts[dslshape.NodeCaveatParameterPredicateName]] = parameterType(ofType)
		}
		name := caveat.texts[dslshape.NodeCaveatDefinitionPredicateName]
		expression := caveat.part(dslshape.NodeCaveatDefinitionPredicateExpession)
		text, ok := expression.texts[dslshape.NodeCaveatExpressionPredicateExpression]
		if !ok {
			return nil, fmt.Errorf("the caveat `%s` has no expression", name)
		}
		conditions[name] = entry{"name": name, "expression": text, "parameters": parameters}
		if m.negated[name] {
			conditions[not+name] = entry{"name": not + name, "expression": "!(" + text + ")", "parameters": parameters}
		}
	}
	return entry{"schema_version": "1.1", "type_definitions": types, "conditions": conditions}, nil
}

func parameterType(tree *node) entry {
	name := strings.ToUpper(tree.texts[dslshape.NodeCaveatTypeReferencePredicateType])
	var generic []entry
	for _, child := range tree.parts[dslshape.NodeCaveatTypeReferencePredicateChildTypes] {
		generic = append(generic, parameterType(child))
	}
	return entry{"type_name": "TYPE_NAME_" + name, "generic_types": generic}
}
