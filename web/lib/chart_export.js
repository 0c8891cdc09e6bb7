// A chart as a picture: SVG from the same scales and ticks that are on the screen, and PNG from the SVG.
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
const round = (value) => Math.round(value * 10) / 10;

// Path of a line: of the points on one pixel column the first, least, most and last, which looks the same as all of them.
function pathOf(points, isStepped) {
  let path = '',
    column = null,
    last = null;
  const put = ([px, py]) => {
    path +=
      path === '' || last === null
        ? `M${round(px)} ${round(py)}`
        : `${isStepped ? `H${round(px)}` : ''}${isStepped ? `V${round(py)}` : `L${round(px)} ${round(py)}`}`;
    last = [px, py];
  };
  const flush = () => {
    if (!column) return;
    const kept = new Set([
      column[0],
      column.reduce((a, b) => (b[1] < a[1] ? b : a)),
      column.reduce((a, b) => (b[1] > a[1] ? b : a)),
      column.at(-1),
    ]);
    for (const point of column) if (kept.has(point)) put(point);
    column = null;
  };
  for (const point of points) {
    if (point === null) {
      flush();
      last = null;
    } else if (column && Math.round(column[0][0]) === Math.round(point[0])) column.push(point);
    else {
      flush();
      column = [point];
    }
  }
  flush();
  return path;
}

export function svgOf({ plot, title, series, x, step, isStepped, isTurned, css }) {
  const ratio = devicePixelRatio || 1,
    area = {
      left: plot.bbox.left / ratio,
      top: plot.bbox.top / ratio,
      width: plot.bbox.width / ratio,
      height: plot.bbox.height / ratio,
    };
  const head = 30,
    perLine = Math.max(1, Math.floor(plot.width / 200)),
    height = head + plot.height + 8 + 20 * Math.ceil(series.length / perLine);
  const px = (value) => area.left + plot.valToPos(value, 'x'),
    py = (value) => head + area.top + plot.valToPos(value, 'y');
  const muted = css('--muted'),
    grid = css('--line'),
    text = css('--text');
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${plot.width}" height="${height}" viewBox="0 0 ${plot.width} ${height}"`,
    ' font-family="sans-serif" font-size="12">',
    `<title>${escape(title)}</title><rect width="100%" height="100%" fill="${css('--card')}"/>`,
    `<text x="10" y="20" font-size="15" font-weight="bold" fill="${text}">${escape(title)}</text>`,
    `<clipPath id="area"><rect x="${area.left}" y="${head + area.top}" width="${area.width}" height="${area.height}"/></clipPath>`,
  ];
  // Ticks as uPlot has laid them out.
  const [xAxis, yAxis] = plot.axes;
  (yAxis._splits ?? []).forEach((value, i) => {
    const y = round(py(value));
    out.push(
      `<path d="M${area.left} ${y}h${area.width}" stroke="${grid}"/>`,
      `<text x="${area.left - 6}" y="${y + 4}" text-anchor="end" fill="${muted}">${escape(yAxis._values[i])}</text>`,
    );
  });
  (xAxis._splits ?? []).forEach((value, i) => {
    const at = round(px(value)),
      bottom = head + area.top + area.height;
    if (!xAxis._values[i]) return;
    const lines = String(xAxis._values[i]).split('\n');
    out.push(`<path d="M${at} ${head + area.top}v${area.height}" stroke="${grid}"/>`);
    const turn = isTurned ? ` transform="rotate(45 ${at} ${bottom + 12})"` : '',
      anchor = isTurned ? 'start' : 'middle';
    lines.forEach((line, k) => {
      const place = `x="${at}" y="${bottom + 16 + 14 * k}"`;
      out.push(`<text ${place}${turn} text-anchor="${anchor}" fill="${muted}">${escape(line)}</text>`);
    });
  });
  out.push('<g clip-path="url(#area)">');
  const { min, max } = plot.scales.x;
  series.forEach((s) => {
    const colour = css(`--line-${s.line.colour + 1}`);
    let from = 0,
      to = x.length - 1;
    while (from < to && x[from + 1] < min) from++;
    while (to > from && x[to - 1] > max) to--;
    if (s.style === 'bar') {
      const half = Math.min(30, (0.35 * area.width) / Math.max(1, max - min)),
        zero = py(Math.max(plot.scales.y.min, Math.min(plot.scales.y.max, 0)));
      for (let i = from; i <= to; i++)
        if (!Number.isNaN(s.values[i])) {
          const y = py(s.values[i]);
          out.push(
            `<rect x="${round(px(x[i]) - half)}" y="${round(Math.min(y, zero))}" width="${round(2 * half)}"`,
            ` height="${round(Math.abs(y - zero))}" fill="${colour}"/>`,
          );
        }
      return;
    }
    const points = [];
    for (let i = from; i <= to; i++) points.push(Number.isNaN(s.values[i]) ? null : [px(x[i]), py(s.values[i])]);
    if (s.style === 'points') {
      for (const p of points) if (p) out.push(`<circle cx="${round(p[0])}" cy="${round(p[1])}" r="4.5" fill="${colour}"/>`);
      return;
    }
    if (isStepped && points.at(-1)) points.push([px(x[to] + step), points.at(-1)[1]]);
    out.push(
      `<path d="${pathOf(points, s.style === 'step' && to - from <= plot.bbox.width)}" fill="none" stroke="${colour}"`,
      ` stroke-width="1.75" stroke-dasharray="${s.dash.join(' ')}"/>`,
    );
  });
  out.push('</g>');
  series.forEach((s, i) => {
    const left = 10 + (i % perLine) * (plot.width / perLine),
      y = head + plot.height + 14 + 20 * Math.floor(i / perLine);
    out.push(
      `<path d="M${left} ${y - 4}h26" stroke="${css(`--line-${s.line.colour + 1}`)}"`,
      ` stroke-width="${s.style === 'bar' ? 9 : 2}" stroke-dasharray="${s.dash.join(' ')}"/>`,
      `<text x="${left + 32}" y="${y}" fill="${text}">${escape(s.label)}</text>`,
    );
  });
  out.push('</svg>');
  return out.join('');
}

export function pngOf(svg, scale = 2) {
  return new Promise((done, refuse) => {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement('canvas');
      canvas.width = image.width * scale;
      canvas.height = image.height * scale;
      const context = canvas.getContext('2d');
      context.scale(scale, scale);
      context.drawImage(image, 0, 0);
      canvas.toBlob((blob) => (blob ? done(blob) : refuse(new Error('the picture is too large'))), 'image/png');
    };
    image.onerror = () => refuse(new Error('the picture cannot be drawn'));
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  });
}
