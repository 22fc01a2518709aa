extension SimilarityPage {
    /// The SHA-256 of the script, in the form of a content security policy.
    static let scriptHash = "sha256-mmxjML/tVpbkzbI0aA/FO5iaiJOlNQNlBuyfrn2VKZ4="

    /// Multiplies the chosen cell's descriptor with all of the target's, for each bin, at the next
    /// animation frame.
    static let script = #"""

        'use strict';
        (() => {
        const element = id => document.getElementById(id);
        const layout = JSON.parse(element('layout').textContent);
        const bytes = id => {
          const node = element(id), text = atob(node.textContent);
          const result = new Uint8Array(text.length);
          for (let i = 0; i < text.length; i++) result[i] = text.charCodeAt(i);
          node.remove();
          return result.buffer;
        };
        const { channels, levels, colours } = layout;
        const side = name => ({
          ...layout[name], stage: element(name), mark: element(name).querySelector('.mark'),
          values: new Int8Array(bytes(name + '-values')),
          scales: new Float32Array(bytes(name + '-scales')),
          inverseNorms: new Float32Array(bytes(name + '-inverse-norms')),
        });
        const source = side('source'), target = side('target');
        const bestCells = new Int32Array(bytes('best-cells'));
        const bestCosines = new Float32Array(bytes('best-cosines'));
        const cells = target.rows * target.columns;

        const clamp = (value, count) => Math.max(0, Math.min(value, count - 1));
        // Adds a cell's descriptor, or its mean over a window of the grid, to `sum`.
        const addMean = (grid, row, column, window, sum, start) => {
          const radius = window >> 1, members = [];
          for (let r = Math.max(0, row - radius); r <= Math.min(grid.rows - 1, row + radius); r++)
            for (let c = Math.max(0, column - radius); c <= Math.min(grid.columns - 1, column + radius); c++)
              members.push(r * grid.columns + c);
          for (const cell of members) {
            const scale = grid.scales[cell] / members.length, from = cell * channels;
            for (let i = 0; i < channels; i++) sum[start + i] += scale * grid.values[from + i];
          }
        };
        // The target's descriptors, for each level averaged over its windows.
        const pools = levels.map(level => {
          const pool = new Float32Array(cells * channels);
          for (let cell = 0; cell < cells; cell++)
            addMean(target, Math.floor(cell / target.columns), cell % target.columns,
              Math.max(1, level.step), pool, cell * channels);
          return pool;
        });
        target.values = null;

        const query = new Float32Array(channels), products = new Float32Array(cells);
        const cosines = new Float32Array(cells);
        const compare = (row, column) => {
          cosines.fill(0);
          levels.forEach((level, index) => {
            const pool = pools[index], steps = level.step ? [-level.step, 0, level.step] : [0];
            for (const down of steps) for (const right of steps) {
              if (!down && !right && !level.centre) continue;
              query.fill(0);
              addMean(source, clamp(row + down, source.rows), clamp(column + right, source.columns),
                Math.max(1, level.step), query, 0);
              for (let cell = 0, at = 0; cell < cells; cell++) {
                let a = 0, b = 0, i = 0;
                for (; i + 1 < channels; i += 2, at += 2) {
                  a += query[i] * pool[at];
                  b += query[i + 1] * pool[at + 1];
                }
                if (i < channels) a += query[i] * pool[at++];
                products[cell] = a + b;
              }
              for (let r = 0, cell = 0; r < target.rows; r++) {
                const from = clamp(r + down, target.rows) * target.columns;
                for (let c = 0; c < target.columns; c++, cell++)
                  cosines[cell] += products[from + clamp(c + right, target.columns)];
              }
            }
          });
          const scale = source.inverseNorms[row * source.columns + column];
          for (let cell = 0; cell < cells; cell++) cosines[cell] *= scale * target.inverseNorms[cell];
        };

        // A cell's centre, as fractions of the photo's sides.
        const centre = (grid, row, column) => [
          (column * grid.strideX + (grid.patch >> 1)) / grid.width,
          (row * grid.strideY + (grid.patch >> 1)) / grid.height];
        const place = (grid, row, column) => {
          const [x, y] = centre(grid, row, column), style = grid.mark.style;
          style.left = 100 * x + '%';
          style.top = 100 * y + '%';
          style.width = 100 * grid.patch / grid.width + '%';
          style.height = 100 * grid.patch / grid.height + '%';
          grid.mark.hidden = false;
          grid.stage.dataset.row = row;
          grid.stage.dataset.column = column;
          return `row ${row}, column ${column} ` +
            `(x ${Math.round(x * grid.photoWidth)}, y ${Math.round(y * grid.photoHeight)})`;
        };

        const heat = target.stage.querySelector('canvas'), painter = heat.getContext('2d');
        heat.width = target.columns;
        heat.height = target.rows;
        const [left, top] = centre(target, -0.5, -0.5);
        Object.assign(heat.style, {
          left: 100 * left + '%', top: 100 * top + '%',
          width: 100 * target.columns * target.strideX / target.width + '%',
          height: 100 * target.rows * target.strideY / target.height + '%' });
        const picture = painter.createImageData(target.columns, target.rows);
        const paint = (data, at, level) => {
          data[at] = colours[3 * level];
          data[at + 1] = colours[3 * level + 1];
          data[at + 2] = colours[3 * level + 2];
          data[at + 3] = 255;
        };
        const scaleBar = element('scale').getContext('2d'), bar = scaleBar.createImageData(256, 1);
        for (let level = 0; level < 256; level++) paint(bar.data, 4 * level, level);
        scaleBar.putImageData(bar, 0, 0);

        let row = 0, column = 0;
        const show = () => {
          compare(row, column);
          const from = row * source.columns + column;
          // The lower half of the cells shares the first colour: only the others matter.
          const least = Float32Array.from(cosines).sort()[cells >> 1];
          let greatest = -Infinity, best = 0;
          for (let cell = 0; cell < cells; cell++)
            if (cosines[cell] > greatest) { greatest = cosines[cell]; best = cell; }
          // The nearest neighbour was found with unrounded descriptors.
          if (bestCells[from] >= 0) {
            best = bestCells[from];
            cosines[best] = greatest;
          }
          const range = greatest - least;
          for (let cell = 0; cell < cells; cell++) {
            // The last colour is reserved for the greatest cosine.
            const share = range > 0 ? (cosines[cell] - least) / range : 0;
            paint(picture.data, 4 * cell,
              cell === best ? 255 : Math.max(0, Math.min(254, Math.floor(255 * share))));
          }
          painter.putImageData(picture, 0, 0);
          const cosine = bestCells[from] >= 0 ? bestCosines[from] : greatest;
          target.stage.dataset.cosine = cosine;
          const here = place(source, row, column);
          const there = place(target, Math.floor(best / target.columns), best % target.columns);
          element('readout').textContent =
            `From ${here} to ${there}: cosine ${cosine.toFixed(3)}.`;
          element('least').textContent = '≤ ' + least.toFixed(2);
          element('greatest').textContent = greatest.toFixed(2);
        };
        let waits = false;
        const choose = (newRow, newColumn) => {
          newRow = clamp(newRow, source.rows);
          newColumn = clamp(newColumn, source.columns);
          if (newRow === row && newColumn === column) return;
          row = newRow;
          column = newColumn;
          if (waits) return;
          waits = true;
          requestAnimationFrame(() => { waits = false; show(); });
        };

        let held = false;
        const point = event => {
          const box = source.stage.getBoundingClientRect();
          const x = (event.clientX - box.left) / box.width * source.width;
          const y = (event.clientY - box.top) / box.height * source.height;
          choose(Math.round((y - (source.patch >> 1)) / source.strideY),
            Math.round((x - (source.patch >> 1)) / source.strideX));
        };
        source.stage.addEventListener('pointerdown', event => {
          if (event.button) return;
          held = true;
          source.stage.setPointerCapture(event.pointerId);
          point(event);
        });
        source.stage.addEventListener('pointermove', event => {
          if (!held || event.buttons) point(event);
        });
        source.stage.addEventListener('keydown', event => {
          if (event.ctrlKey || event.metaKey || event.altKey) return;
          const step = event.shiftKey ? 5 : 1;
          const moves = {
            ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step],
            PageUp: [-10, 0], PageDown: [10, 0], Home: [0, -column], End: [0, source.columns] };
          if (event.key === 'Escape') held = false;
          const move = moves[event.key];
          if (!move) return;
          event.preventDefault();
          held = true;
          choose(row + move[0], column + move[1]);
        });
        element('strength').addEventListener('input', event => {
          heat.style.opacity = event.target.value / 100;
        });
        row = source.rows >> 1;
        column = source.columns >> 1;
        show();
        })();

        """#
}
