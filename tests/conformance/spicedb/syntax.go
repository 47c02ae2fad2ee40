// Package replay asks a running server what SpiceDB's own files of schemas, relationships and assertions ask, after it has
// said each of them in OpenFGA's language.
package replay

import (
	"fmt"

	"github.com/authzed/spicedb/pkg/schemadsl/dslshape"
	"github.com/authzed/spicedb/pkg/schemadsl/input"
	"github.com/authzed/spicedb/pkg/schemadsl/parser"
)

// schema is what a file defines. Relations and permissions stand in one map, as they have one space of names.
type schema struct {
	definitions map[string]definition
	caveats     []*node
}

// definition is one type of objects.
type definition struct {
	relations   map[string][]reference
	permissions map[string]*node
}

func (d definition) has(name string) bool {
	_, relation := d.relations[name]
	_, permission := d.permissions[name]
	return relation || permission
}

// reference is one kind of subject that a relation takes.
type reference struct {
	typeName, relation, caveat string
	wildcard                   bool
}

// node is a part of the tree that SpiceDB's parser builds: texts and parts by the names of dslshape.
type node struct {
	kind  dslshape.NodeType
	texts map[string]string
	parts map[string][]*node
}

func (n *node) Connect(name string, part parser.AstNode) {
	n.parts[name] = append(n.parts[name], part.(*node))
}

func (n *node) MustDecorate(name, text string) parser.AstNode {
	n.texts[name] = text
	return n
}

func (n *node) MustDecorateWithInt(name string, number int) parser.AstNode {
	return n.MustDecorate(name, fmt.Sprint(number))
}

func (n *node) part(name string) *node { return n.parts[name][0] }

// mistake finds what the parser could not read.
func (n *node) mistake() error {
	if n.kind == dslshape.NodeTypeError {
		return fmt.Errorf("the schema: %s", n.texts[dslshape.NodePredicateErrorMessage])
	}
	for _, parts := range n.parts {
		for _, part := range parts {
			if err := part.mistake(); err != nil {
				return err
			}
		}
	}
	return nil
}

// readSchema parses by SpiceDB's own grammar.
func readSchema(text string) (schema, error) {
	build := func(_ input.Source, kind dslshape.NodeType) parser.AstNode {
		return &node{kind, map[string]string{}, map[string][]*node{}}
	}
	tree := parser.Parse(build, input.Source("schema"), text).(*node)
	read := schema{definitions: map[string]definition{}}
	if err := tree.mistake(); err != nil {
		return read, err
	}
	for _, part := range tree.parts[dslshape.NodePredicateChild] {
		switch part.kind {
		case dslshape.NodeTypeDefinition:
			read.definitions[part.texts[dslshape.NodeDefinitionPredicateName]] = readDefinition(part)
		case dslshape.NodeTypeCaveatDefinition:
			read.caveats = append(read.caveats, part)
		case dslshape.NodeTypeUseFlag, dslshape.NodeTypeComment:
		default:
			return read, fmt.Errorf("the schema has a part of the unknown kind %s", part.kind)
		}
	}
	return read, nil
}

func readDefinition(tree *node) definition {
	read := definition{map[string][]reference{}, map[string]*node{}}
	for _, part := range tree.parts[dslshape.NodePredicateChild] {
		name := part.texts[dslshape.NodePredicateName]
		switch part.kind {
		case dslshape.NodeTypeRelation:
			for _, types := range part.parts[dslshape.NodeRelationPredicateAllowedTypes] {
				for _, one := range types.parts[dslshape.NodeTypeReferencePredicateType] {
					read.relations[name] = append(read.relations[name], readReference(one))
				}
			}
		case dslshape.NodeTypePermission:
			read.permissions[name] = part.part(dslshape.NodePermissionPredicateComputeExpression)
		}
	}
	return read
}

func readReference(tree *node) reference {
	read := reference{
		typeName: tree.texts[dslshape.NodeSpecificReferencePredicateType],
		relation: tree.texts[dslshape.NodeSpecificReferencePredicateRelation],
	}
	_, read.wildcard = tree.texts[dslshape.NodeSpecificReferencePredicateWildcard]
	for _, caveat := range tree.parts[dslshape.NodeSpecificReferencePredicateCaveat] {
		read.caveat = caveat.texts[dslshape.NodeCaveatPredicateCaveat]
	}
	// An expiry needs no permission of the model's.
	if read.relation == "..." {
		read.relation = ""
	}
	return read
}
