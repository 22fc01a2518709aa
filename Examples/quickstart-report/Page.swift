import DINO
import Foundation
import Platform
import ViT

/// `index.html`: the quickstart on one page, which needs only the files in the same folder.
struct Page {
    var kinds: [String]
    /// The pictures of parts by the default network.
    var overlays: [String]
    /// The training, once it is complete.
    var training: Training?

    /// The scores of a trained network, and how it was trained.
    struct Training {
        var results: Results
        var journal: Journal
        var findings: [CollapseWatch.Finding]
        /// The architectures of the trained and of the default network.
        var network, bundled: VisionTransformer.Configuration
        var pictures: Int
    }

    var html: String {
        """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Features that recognise parts</title>
        <style>
        \(Self.style)
        </style>
        <main>
        <header>
        <h1>Features that recognise parts</h1>
        <p class="lead">A vision transformer describes each place of a picture by a vector. Places with similar
        vectors show the same part of the body, even in creatures of different kinds and colours.</p>
        </header>
        \(defaultSection)
        \(training.map(trainedSections) ?? waitingSection)
        \(nextSection)
        </main>
        </html>

        """
    }

    // MARK: The default network

    private var defaultSection: String {
        """
        <section>
        <h2>Matched by the default network</h2>
        <p>Pairs of points whose descriptors are each other's nearest neighbours. The bundled network was trained
        on photos and, without labels, on other pictures of such creatures.</p>
        \(picture("default/matches.png", "two creatures with numbered pairs of points"))
        <pre>dino-vit match A.png B.png</pre>
        <p>Parts that all these pictures have in common, one colour for each.</p>
        <div class="pictures">
        \(overlays.map { picture($0, "parts of a creature") }.joined(separator: "\n"))
        </div>
        <pre>dino-vit parts FOLDER</pre>
        </section>
        """
    }

    private var waitingSection: String {
        """
        <section>
        <h2>A network of your own</h2>
        <p>A small network is being trained. Reload this page when the command has ended.</p>
        </section>
        """
    }

    // MARK: The trained network

    private func trainedSections(_ training: Training) -> String {
        """
        \(picturesSection)
        \(figuresSection(training))
        \(comparisonSection)
        \(trainingSection(training))
        """
    }

    private var picturesSection: String {
        """
        <section>
        <h2>Pictures to learn from</h2>
        <p>Each shows a generated creature of one of several kinds (\(kinds.joined(separator: ", "))) in a random pose
        on a random slope, in random colours. Its kind, parts (\(legend)) and sixteen keypoints are known, but used only
        for evaluation: the training sees no labels.</p>
        \(picture("creatures.png", "creatures, and their parts and keypoints"))
        </section>
        """
    }

    private var legend: String {
        Truth.parts.map { name, colour in
            "<span class=\"part\" style=\"background:\(colour)\"></span>\(name)"
        }.joined(separator: ", ")
    }

    private func figuresSection(_ training: Training) -> String {
        let network = training.network
        func figure(
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
            let results = training.results
            return """
                <article><h3>\(title)</h3><p>\(measure)</p>
                \(row("trained", results.trained, "trained"))
                \(row("untrained", results.untrained, "untrained"))
                \(row("default", results.bundled, "bundled"))
                \(row("guess", results.guess, "guess"))
                <small>guess: \(guess)</small></article>
                """
        }
        return """
            <section>
            <h2>A network of your own</h2>
            <p>A network of width \(network.width) and depth \(network.depth), with \(millions(network)) million \
            parameters (the default one has \(millions(training.bundled))), was trained on \(training.pictures) such pictures in \
            \(training.journal.duration) on this machine. It learned to predict the default network's features (dense \
            distillation). The figures are of \(Measurement.testCount) unseen pictures, \
            \(Measurement.pairCount) pairs of different kinds, and \(Measurement.jointedCount) pictures to cut out and divide \
            into parts.</p>
            <div class="figures">
            \(figure("Kinds recognised", "k-NN, 20 neighbours", \.kinds, "a random kind"))
            \(figure("Keypoints found", "PCK at 0.1 of the box", \.keypoints, "a random place"))
            \(figure("Creature found", "IoU of saliency, 60% of its mass", \.saliency, "the whole picture"))
            \(figure("Creature cut out", "IoU of saliency and GrabCut", \.object, "the whole picture"))
            \(figure("Parts found", "adjusted Rand index, times 100", \.parts, "parts by height", unit: ""))
            </div>
            </section>
            """
    }

    private var comparisonSection: String {
        """
        <section>
        <h2>Before and after</h2>
        <p>Keypoints of the creature on the left, transferred to another kind by the most similar descriptors: in the
        middle by the untrained network, on the right by the trained one. A white ring marks a correct place, within
        0.1 of the creature's box.</p>
        \(picture("keypoints.png", "keypoints transferred from creature to creature"))
        <p>Points matched by the trained network.</p>
        \(picture("matches.png", "two creatures with numbered pairs of points"))
        <p>Parts. From above: the true ones; found by the untrained network; by the trained one; by the default
        one.</p>
        \(picture("parts.png", "parts of four creatures, true and found"))
        <p>Attention of the class token. From above: the picture; the untrained network; the trained one; the
        default one. Below: the object, cut out by the trained network's attention and the edges of colours.</p>
        \(picture("saliency.png", "saliency over four pictures"))
        </section>
        """
    }

    private func trainingSection(_ training: Training) -> String {
        let journal = training.journal
        func error(_ name: ObjectiveName) -> (first: Double, last: Double) {
            journal.ends { $0.losses[name] ?? .nan }
        }
        let rows: [(String, (first: Double, last: Double), String)] = [
            ("error of the patches' features", error(.patches), "1: no better than their mean"),
            ("error of the class token's", error(.classToken), "1: no better than their mean"),
            ("rank of the class tokens", journal.ends(\.rank), "collapsed at 1"),
            ("norm of the gradient", journal.ends(\.gradientNorm), "broken if not finite"),
        ]
        let table = rows.map { name, ends, meaning in
            "<tr><th>\(name)</th><td>\(short(ends.first))</td><td>\(short(ends.last))</td>"
                + "<td>\(meaning)</td></tr>"
        }.joined(separator: "\n")
        let watch =
            training.findings.isEmpty
            ? "<p class=\"good\">The collapse watch found nothing.</p>"
            : training.findings.map { "<p class=\"bad\">\(htmlEscaped("\($0)"))</p>" }.joined()
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

    // MARK: What next

    private var nextSection: String {
        """
        <section>
        <h2>With your own photos</h2>
        <pre>
        dino-vit match A.jpg B.jpg --output results           # corresponding points
        dino-vit inspect A.jpg B.jpg --output results         # a page: point at a place, see where it is similar
        dino-vit segment FOLDER --output results              # the object that the photos have in common
        dino-vit parts FOLDER --output results                # and its parts
        dino-vit train FOLDER --output run --preset small     # DINO, from scratch
        dino-vit match A.jpg B.jpg --weights dinov2.safetensors   # any DINO, DINOv2 or DINOv3 network</pre>
        <p><code>Examples/animals</code> shows the same with photos of animals.</p>
        </section>
        """
    }

    private func picture(_ file: String, _ words: String) -> String {
        "<a href=\"\(file)\"><img src=\"\(file)\" alt=\"\(words)\" loading=\"lazy\"></a>"
    }

    /// The number of a network's parameters in millions.
    private func millions(_ network: VisionTransformer.Configuration) -> String {
        String(format: "%.1f", Double(network.parameterCount) / 1e6)
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
        .pictures { display: grid; gap: .5rem; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
        .pictures img { margin: 0; }
        .part { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
          margin-right: .25em; }
        .good { color: var(--trained); font-weight: 600; } .bad { color: #c0392b; font-weight: 600; }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .92rem; }
        th, td { text-align: left; padding: .35rem .6rem .35rem 0; border-top: 1px solid var(--line);
          font-variant-numeric: tabular-nums; }
        pre { background: var(--ground); border-radius: 8px; padding: .6rem .8rem; overflow-x: auto; font-size: .85rem; }
        code { background: var(--ground); border-radius: 4px; padding: .1em .3em; font-size: .88em; }
        a { color: inherit; }
        """
}
