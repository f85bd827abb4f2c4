// What a PromQL expression asks for, by the grammar of Prometheus' own web page.
import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** A time series selector. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

/** `label="value"`; of a regular expression each alternative. */
export interface Matcher {
  readonly label: string;
  readonly values: readonly string[];
}

/** What an expression is made of. */
export interface Query {
  /** Places that are no PromQL. */
  readonly faults: readonly string[];
  readonly selectors: readonly Selector[];
  /** Labels by which something is aggregated or matched, with the selectors below. */
  readonly groupings: readonly { readonly labels: readonly string[]; readonly over: readonly Selector[] }[];
}

/** Reads an expression. */
export function parseQuery(text: string): Query {
  const faults: string[] = [];
  const selectors: Selector[] = [];
  const groupings: Query['groupings'][number][] = [];
  parser.parse(text).iterate({
    enter: ({ node, type, from, to }) => {
      if (type.isError) faults.push(`at ${from}: ${text.slice(from, to + 10)}`);
      if (type.name === 'VectorSelector') selectors.push(selectorOf(node, text));
      if (type.name === 'AggregateExpr' || type.name === 'BinaryExpr') {
        const labels = groupingLabels(node, text);
        if (labels.length > 0) groupings.push({ labels, over: selectorsIn(node, text) });
      }
    },
  });
  return { faults, selectors, groupings };
}

function groupingLabels(node: SyntaxNode, text: string): readonly string[] {
  const modifier = node.getChild('AggregateModifier') ?? node.getChild('MatchingModifierClause');
  const names = modifier?.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
  return names.map((name) => text.slice(name.from, name.to));
}

function selectorsIn(node: SyntaxNode, text: string): readonly Selector[] {
  const found: Selector[] = [];
  node.cursor().iterate((each) => {
    if (each.from >= node.from && each.to <= node.to && each.type.name === 'VectorSelector')
      found.push(selectorOf(each.node, text));
  });
  return found;
}

function selectorOf(node: SyntaxNode, text: string): Selector {
  const name = node.getChild('Identifier');
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return {
    metric: name === null ? '' : text.slice(name.from, name.to),
    matchers: matchers.map((matcher) => {
      const label = matcher.getChild('LabelName');
      const value = matcher.getChild('StringLiteral');
      const literal = value === null ? '' : text.slice(value.from + 1, value.to - 1);
      return { label: label === null ? '' : text.slice(label.from, label.to), values: literal.split('|') };
    }),
  };
}
