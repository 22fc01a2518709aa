import DINO
import Foundation
import Platform

/// `index.html`: the quickstart on one page, which needs only the files in the same folder.
struct Page {
    var results: Results
    var journal: Journal
    var findings: [CollapseWatch.Finding]
    var outputs: Int
    var kinds: [String]
    /// The training in one sentence.
    var lead: String
    /// The measurements in one sentence.
    var measuring: String

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>DINO on synthetic creatures</title>
        <style>
        \(Self.style)
        </style>
        <main>
        <header>
        <h1>DINO on synthetic creatures</h1>
        <p class="lead">\(lead)</p>
        </header>
        \(figuresSection)
        \(picturesSection)
        \(trainingSection)
        \(matchesSection)
        \(saliencySection)
        \(segmentsSection)
        \(filesSection)
        </main>
        </html>

        """
    }

    // MARK: Figures

    private var figuresSection: String {
        """
        <section>
        <h2>What the network learned</h2>
        <p>\(measuring)</p>
        <div class="figures">
        \(figure("Kinds recognised", "k-NN, 20 neighbours", \.nearestNeighbours, "a random kind"))
        \(figure("Keypoints found", "PCK at 0.1 of the box", \.keypoints, "a random place"))
        \(figure("Creature found", "IoU of saliency, 60% of its mass", \.foreground, "the whole picture"))
        \(figure("Creatures in common", "IoU of co-segmentation", \.common, "objects by colour alone"))
        \(figure("Creatures cut out", "IoU of saliency and GrabCut", \.object, "objects by colour alone"))
        \(figure("Parts found", "adjusted Rand index, times 100", \.parts, "random parts", unit: ""))
        </div>
        <p class="note">\(verdict) DINO learns shape over hundreds of thousands of views; a few minutes
        from scratch show that training works and does not collapse, not what a network achieves after
        hours of training.</p>
        </section>
        """
    }

    private func figure(
        _ title: String, _ measure: String, _ value: KeyPath<Figures, Double>, _ guess: String,
        unit: String = "%"
    ) -> String {
        func row(_ name: String, _ figures: Figures, _ style: String) -> String {
            let percent = String(format: "%.1f", figures[keyPath: value])
            let width = max(0, figures[keyPath: value])
            return """
                <div class="row \(style)"><span>\(name)</span>\
                <i><b style="width:\(width)%"></b></i><em>\(percent)\(unit)</em></div>
                """
        }
        return """
            <article><h3>\(title)</h3><p>\(measure)</p>
            \(row("trained", results.trained, "trained"))
            \(row("untrained", results.untrained, "untrained"))
            \(row("default", results.bundled, "bundled"))
            \(row("guess", results.guess, "guess"))
            <small>guess: \(guess)</small></article>
            """
    }

    /// The changes of the figures by training, in one sentence.
    private var verdict: String {
        let names: [(String, KeyPath<Figures, Double>)] = [
            ("kinds", \.nearestNeighbours), ("keypoints", \.keypoints),
            ("foreground", \.foreground), ("common object", \.common),
            ("object cut out", \.object), ("parts", \.parts),
        ]
        let changes = names.map { name, value in
            let change = results.trained[keyPath: value] - results.untrained[keyPath: value]
            return "\(name) \(String(format: "%+.1f", change)) points"
        }
        return "Trained against untrained: \(changes.joined(separator: ", "))."
    }

    // MARK: Pictures

    private var picturesSection: String {
        """
        <section>
        <h2>The pictures</h2>
        <p>Every picture is generated from a number: a creature of one of several kinds
        (\(kinds.joined(separator: ", "))) in a random pose. Coat, colours and surroundings are
        independent of the kind, so that only the shape identifies it.</p>
        \(picture("creatures.png", "two creatures of each kind"))
        <p>The ground truth of each is known: its kind, a mask of parts (\(legend)), and sixteen
        keypoints that correspond between kinds.</p>
        \(picture("parts.png", "masks of parts and keypoints over the pictures"))
        </section>
        """
    }

    private var legend: String {
        Truth.parts.map { name, colour in
            "<span class=\"part\" style=\"background:\(colour)\"></span>\(name)"
        }.joined(separator: ", ")
    }

    // MARK: Training

    private var trainingSection: String {
        let limit = log(Double(outputs))
        let rows: [(String, (first: Double, last: Double), String)] = [
            (
                "loss", journal.ends(\.loss),
                String(format: "learns nothing at ln %d = %.2f", outputs, limit)
            ),
            (
                "teacher's entropy", journal.ends(\.teacherEntropy),
                String(format: "collapsed at 0 or %.2f", limit)
            ),
            ("rank of the teacher's features", journal.ends(\.rank), "collapsed at 1"),
            ("their deviation", journal.ends(\.featureDeviation), "collapsed at 0"),
            ("norm of the gradient", journal.ends(\.gradientNorm), "broken if not finite"),
        ]
        let table = rows.map { name, ends, meaning in
            "<tr><th>\(name)</th><td>\(short(ends.first))</td><td>\(short(ends.last))</td>"
                + "<td>\(meaning)</td></tr>"
        }.joined(separator: "\n")
        let watch =
            findings.isEmpty
            ? "<p class=\"good\">The collapse watch found nothing.</p>"
            : findings.map { "<p class=\"bad\">\(htmlEscaped("\($0)"))</p>" }.joined()
        return """
            <section>
            <h2>The training</h2>
            <p>\(journal.records.count) steps in \(journal.duration),
            \(short(journal.seconds / Double(journal.records.count))) s each.</p>
            \(picture("training/loss.png", "the loss over the steps"))
            \(watch)
            <div class="scroll"><table>
            <tr><th>reading</th><td>at the start</td><td>at the end</td><td></td></tr>
            \(table)
            </table></div>
            </section>
            """
    }

    // MARK: Results

    private var matchesSection: String {
        """
        <section>
        <h2>Two creatures matched</h2>
        <p>Corresponding points of two creatures of different kinds, found by the trained network: best
        buddies among its descriptors, the most salient of each cluster.</p>
        \(picture("matches.png", "two creatures with numbered pairs of points"))
        <p>Keypoints of the left picture, transferred to the others by nearest descriptors: by the
        untrained network in the middle, by the trained one on the right. A white ring marks a correct
        place, within 0.1 of the creature's box.</p>
        \(picture("keypoints.png", "keypoints transferred from creature to creature"))
        </section>
        """
    }

    private var saliencySection: String {
        """
        <section>
        <h2>Where the network looks</h2>
        <p>Attention of the class token in the last layer but one. From above: the picture, the untrained
        network, the trained one, the default network.</p>
        \(picture("saliency.png", "saliency over four pictures"))
        </section>
        """
    }

    private var segmentsSection: String {
        """
        <section>
        <h2>Objects and their parts</h2>
        <p>\(Segmentation.count) pictures of \(Segmentation.kinds) kinds. Co-segmentation finds their
        common objects: the descriptors of all pictures are clustered, and the salient clusters are the
        objects. Each object is also cut out by itself: the class token's attention locates it, colours
        find its outline. These objects are divided into parts together, by the attention of the
        network's heads to each place and its surroundings. From above: the true parts; the common
        objects, the objects cut out and their parts by the untrained network; the same by the trained
        one.</p>
        \(picture("segments.png", "masks and parts of four creatures, true and found"))
        </section>
        """
    }

    private var filesSection: String {
        let files = [
            ("creatures/labels.json", "the ground truth of all pictures"),
            ("creatures/images/", "the pictures, one folder per kind"),
            ("training/teacher.safetensors", "the trained network, with official names"),
            ("training/log.jsonl", "one line per step"), ("matches.json", "the pairs of points"),
            ("figures.json", "the figures above"),
        ]
        let list = files.map { "<li><a href=\"\($0)\">\($0)</a>: \($1)</li>" }.joined(
            separator: "\n")
        return """
            <section>
            <h2>Files</h2>
            <ul>
            \(list)
            </ul>
            <p>Train on your own pictures with
            <code>dino-vit train FOLDER --output RUN --preset small</code>, and pass
            <code>--weights RUN/teacher.safetensors</code> to the other subcommands.</p>
            </section>
            """
    }

    // MARK: Words

    private func picture(_ file: String, _ words: String) -> String {
        "<a href=\"\(file)\"><img src=\"\(file)\" alt=\"\(words)\" loading=\"lazy\"></a>"
    }

    private func short(_ value: Double) -> String {
        value.isFinite ? String(format: "%.3g", value) : "\(value)"
    }

    private static let style = """
        :root { color-scheme: light dark; --ink: #1d2330; --dim: #667085; --ground: #f6f4ef;
          --card: #fff; --line: #e4e0d6; --trained: #2f7d5b; --untrained: #c08a3e;
          --bundled: #5a7fb5; --guess: #b8bcc6; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e9e7e1; --dim: #a0a7b4;
          --ground: #14161b; --card: #1d2027; --line: #2e333d; --trained: #57b98b;
          --untrained: #d9a75c; --bundled: #86a7d6; --guess: #5b6270; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink);
          font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
        main { max-width: 1000px; margin: 0 auto; padding: 1.2rem; }
        h1 { font-size: clamp(1.7rem, 5vw, 2.6rem); line-height: 1.15; margin: 1rem 0 .4rem; }
        h2 { margin: 0 0 .5rem; font-size: 1.3rem; }
        h3 { margin: 0; font-size: 1.05rem; }
        .lead { color: var(--dim); font-size: 1.08rem; max-width: 46rem; }
        section { background: var(--card); border: 1px solid var(--line); border-radius: 14px;
          padding: 1.1rem; margin: 1.1rem 0; }
        section > p { max-width: 46rem; }
        img { display: block; width: 100%; height: auto; border-radius: 8px; margin: .7rem 0;
          background: #fff; }
        .figures { display: grid; gap: .8rem;
          grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); }
        article { border: 1px solid var(--line); border-radius: 10px; padding: .8rem; }
        article p { margin: 0 0 .5rem; color: var(--dim); font-size: .88rem; }
        small, .note { color: var(--dim); font-size: .88rem; }
        .row { display: grid; grid-template-columns: 5.2rem 1fr 3.6rem; gap: .5rem;
          align-items: center; font-size: .92rem; margin: .2rem 0; }
        .row i { height: .8rem; background: var(--line); border-radius: 4px; overflow: hidden; }
        .row b { display: block; height: 100%; background: var(--guess); }
        .row em { font-style: normal; text-align: right; font-variant-numeric: tabular-nums; }
        .trained b { background: var(--trained); } .trained em { font-weight: 700; }
        .untrained b { background: var(--untrained); }
        .bundled b { background: var(--bundled); }
        .part { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
          margin-right: .25em; }
        .good { color: var(--trained); font-weight: 600; } .bad { color: #c0392b; font-weight: 600; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .92rem; }
        th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-top: 1px solid var(--line);
          font-variant-numeric: tabular-nums; }
        code { background: var(--ground); border-radius: 4px; padding: .1em .3em; font-size: .88em; }
        a { color: inherit; }
        """
}
