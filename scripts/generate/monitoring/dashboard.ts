/** The dashboard as Grafana reads it (schema 39, Grafana 10 and later). */
import { type Panel, type Section, sections } from './panels.ts';

/** Of Grafana's 24 columns, and in its rows. */
const SIZES = { stat: { w: 4, h: 4 }, timeseries: { w: 8, h: 8 } } as const;
const COLUMNS = 24;
const datasource = { type: 'prometheus', uid: '$datasource' };

export function dashboard(): object {
  return {
    title: 'Torwacht',
    uid: 'torwacht',
    tags: ['torwacht'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' }],
    },
    panels: laidOut(sections),
  };
}

/** From left to right, and a heading above each section. */
function laidOut(all: readonly Section[]): readonly object[] {
  const panels: object[] = [];
  let y = 0;
  for (const { title, panels: own } of all) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
    });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of own) {
      const { w, h } = SIZES[panel.kind];
      if (x + w > COLUMNS) {
        y += height;
        x = 0;
      }
      panels.push({ id: panels.length + 1, ...panelOf(panel), gridPos: { x, y, w, h } });
      x += w;
      height = h;
    }
    y += height;
  }
  return panels;
}

function panelOf({ title, description, kind, unit, queries }: Panel): object {
  return {
    type: kind,
    title,
    description,
    datasource,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      ...(legend === '' ? {} : { legendFormat: legend }),
    })),
  };
}
