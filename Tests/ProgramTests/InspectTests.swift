import Foundation
import Testing

/// `inspect` against the descriptors of `extract`, in the file and in a browser.
@Suite struct InspectTests {
    let folder = TemporaryFolder()

    private func inspect(_ options: [String] = []) throws -> String {
        let outcome = try Program.run(
            ["inspect", Fixtures.first, Fixtures.second] + Fixtures.network
                + ["--output", folder["results"]] + options)
        #expect(outcome.status == 0 && outcome.errors == "")
        #expect(folder.names(in: "results") == ["inspect.html"])
        return folder["results/inspect.html"]
    }

    /// For each cell of the first photo its cosines with all cells of the second, from the descriptors of `extract`.
    private func cosines(_ options: [String] = []) throws -> [[Double]] {
        let outcome = try Program.run(
            ["extract", Fixtures.first, Fixtures.second, "--stride", "4"] + Fixtures.network
                + ["--output", folder["extracted"]] + options)
        #expect(outcome.status == 0)
        let sides = try ["first", "second"].map { name in
            let array = try Array32(folder["extracted/\(name).npy"])
            let channels = array.shape[2]
            return stride(from: 0, to: array.values.count, by: channels).map { start in
                let vector = array.values[start..<start + channels].map(Double.init)
                let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
                return vector.map { $0 / norm }
            }
        }
        // 80x60 becomes 64x48 and 66x72 48x52; stride 4, patch 8.
        #expect(sides[0].count == 11 * 15 && sides[1].count == 12 * 11)
        return sides[0].map { a in
            sides[1].map { b in zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        }
    }

    /// The content of a script element of the page.
    private func content(_ id: String, of page: String) throws -> Data {
        let open = try #require(page.range(of: "id=\"\(id)\">"))
        let end = try #require(page[open.upperBound...].range(of: "</script>"))
        let text = page[open.upperBound..<end.lowerBound]
        return id == "layout" ? Data(text.utf8) : try #require(Data(base64Encoded: String(text)))
    }

    private func words(_ data: Data) -> [UInt32] {
        let bytes = [UInt8](data)
        return stride(from: 0, to: bytes.count, by: 4).map { start in
            (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
        }
    }

    @Test(arguments: [[], ["--bin"], ["--facet", "token", "--layer", "0"]] as [[String]])
    func pageHoldsMatchesOfExtract(options: [String]) throws {
        let page = try String(contentsOfFile: inspect(options), encoding: .utf8)
        let expected = try cosines(options)
        let cells = words(try content("best-cells", of: page)).map(Int.init)
        let values = words(try content("best-cosines", of: page)).map {
            Double(Float(bitPattern: $0))
        }
        #expect(cells.count == expected.count && values.count == expected.count)
        for (row, (cell, value)) in zip(expected, zip(cells, values)) {
            // Float32 sums in a different order.
            #expect(abs(row[cell] - (row.max() ?? 0)) < 1e-6)
            #expect(abs(row[cell] - value) < 2e-6)
        }
        // The page loads nothing from elsewhere and sends nothing.
        #expect(page.contains("default-src 'none'; img-src data:;"))
        for word in ["http:", "https:", "//", "@import", "url("] {
            let code = page.replacing(
                /(base64,|text\/plain" id="[a-z-]+">)[A-Za-z0-9+\/=]*/, with: "")
            #expect(!code.replacing(/\/\/ .*/, with: "").contains(word), "\(word)")
        }
    }

    /// Names that could be read as markup, by characters or by scalars: a quote and a following accent form a single
    /// `Character`.
    private static let hostileNames = [
        "<b>&\"x.png", "a\"\u{301} onload=alert(1) x.png",
        "'\u{308} autofocus onfocus=alert(1).png",
        "<\u{301}img src=x onerror=alert(1)>.png", ">\u{20D2}<script>alert(1)<\u{338}.png",
        "\u{202E}gnp.exe\u{1B}[2J.png",
    ]

    /// The page for two photos with a given name.
    private func inspect(named name: String) throws -> String {
        try folder.makeFolder("photos")
        let photo = folder["photos"] + "/" + name
        try FileManager.default.copyItem(atPath: Fixtures.first, toPath: photo)
        let outcome = try Program.run(
            ["inspect", photo, photo] + Fixtures.network
                + ["--output", folder["results"], "--quiet"])
        #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "")
        return folder["results/inspect.html"]
    }

    @Test(arguments: hostileNames) func namesAreEscaped(_ name: String) throws {
        let page = try String(contentsOfFile: inspect(named: name), encoding: .utf8)
        // As a browser reads it, scalar by scalar.
        let text = page.unicodeScalars
        let tags = text.split(separator: "<").dropFirst().map {
            String(String.UnicodeScalarView($0.prefix { $0 != ">" }))
        }
        for tag in tags {
            let outside = tag.replacing(/"[^"]*"/, with: "")
            for word in ["alert", "onload", "onerror", "onfocus"] {
                #expect(!outside.contains(word), "\(tag)")
            }
            #expect(
                !tag.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0 == "\u{202E}" })
        }
        #expect(tags.count { $0.hasPrefix("img ") } == 2)
        #expect(tags.count { $0 == "script" } == 1)
        #expect(tags.count { $0 == "b" } == 4)
    }

    /// The content security policy permits the page's own script and style by their hashes, which change with them.
    @Test func policyHasHashesOfScriptAndStyle() throws {
        let page = try String(contentsOfFile: inspect(), encoding: .utf8)
        #expect(!page.contains("unsafe-inline"))
        for (tag, source) in [("script", "script-src"), ("style", "style-src")] {
            let open = try #require(page.range(of: "<\(tag)>"))
            let end = try #require(page[open.upperBound...].range(of: "</\(tag)>"))
            let file = folder[tag]
            try Data(page[open.upperBound..<end.lowerBound].utf8).write(
                to: URL(fileURLWithPath: file))
            let sum = try Program.run([file], name: "/usr/bin/sha256sum").output.prefix(64)
            let digits = Array(sum)
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...$0 + 1]), radix: 16)
            }
            #expect(bytes.count == 32)
            let hash = Data(bytes).base64EncodedString()
            #expect(page.contains("\(source) 'sha256-\(hash)'"), "the hash is sha256-\(hash)")
        }
    }

    // MARK: In a browser

    /// The state of the page: the chosen cell, the marked match, its cosine, and the cells with the last colour of the heat
    /// map.
    private struct PageState {
        var chosen: Int
        var marked: Int
        var cosine: Double
        var hottest: [Int]
        var readout: String
    }

    private func state(of browser: Browser) throws -> PageState {
        let state = try #require(
            browser.evaluate(
                """
                (() => {
                  const [a, b] = ['source', 'target'].map(id => document.getElementById(id).dataset);
                  const heat = document.querySelector('#target canvas'), hottest = [];
                  const pixels = heat.getContext('2d').getImageData(0, 0, heat.width, heat.height).data;
                  const last = JSON.parse(document.getElementById('layout').textContent).colours.slice(-3);
                  for (let cell = 0; cell < heat.width * heat.height; cell++)
                    if (last.every((level, i) => pixels[4 * cell + i] === level)) hottest.push(cell);
                  return { chosen: a.row * 15 + +a.column, marked: b.row * 11 + +b.column,
                    cosine: +b.cosine, hottest, readout: document.getElementById('readout').textContent };
                })()
                """) as? [String: Any])
        return PageState(
            chosen: try #require(state["chosen"] as? Int),
            marked: try #require(state["marked"] as? Int),
            cosine: try #require(state["cosine"] as? Double),
            hottest: try #require(state["hottest"] as? [Int]),
            readout: try #require(state["readout"] as? String))
    }

    /// The position in the window of the centre of one of the first photo's cells.
    private func position(
        _ browser: Browser, row: Double, column: Double
    ) throws -> (x: Double, y: Double) {
        let box = try #require(
            browser.evaluate(
                """
                (() => {
                  const box = document.getElementById('source').getBoundingClientRect();
                  return [box.left, box.top, box.width, box.height];
                })()
                """) as? [Any]
        ).compactMap { ($0 as? NSNumber)?.doubleValue }
        return (
            box[0] + (column * 4 + 4) / 64 * box[2], box[1] + (row * 4 + 4) / 48 * box[3]
        )
    }

    private func check(_ state: PageState, _ row: Int, _ column: Int, _ expected: [[Double]]) {
        #expect(state.chosen == row * 15 + column)
        let cosines = expected[row * 15 + column]
        let best = cosines.indices.max { cosines[$0] < cosines[$1] }
        #expect(state.marked == best && state.hottest == [state.marked])
        #expect(abs(state.cosine - (cosines.max() ?? 0)) < 2e-6)
        #expect(state.readout.contains("row \(row), column \(column) "))
        #expect(state.readout.contains("row \(state.marked / 11), column \(state.marked % 11) "))
    }

    @Test(.inBrowser, .timeLimit(.minutes(3)), arguments: [[], ["--bin"]] as [[String]])
    func clickShowsMatchOfExtract(options: [String]) throws {
        let file = try inspect(options)
        let expected = try cosines(options)
        let browser = try Browser(width: 1280, height: 900)
        try browser.load(file)
        check(try state(of: browser), 5, 7, expected)
        for (row, column) in [(0, 0), (3, 11), (10, 14), (8, 2)] {
            // Off the cell's centre, but nearer to it than to any other.
            let point = try position(browser, row: Double(row) + 0.4, column: Double(column) - 0.4)
            try browser.click(x: point.x, y: point.y)
            check(try state(of: browser), row, column, expected)
        }
        // A click pins the cell until Escape.
        let other = try position(browser, row: 6, column: 6)
        try browser.moveMouse(x: other.x, y: other.y)
        check(try state(of: browser), 8, 2, expected)
        try browser.press("ArrowRight")
        try browser.press("ArrowUp")
        check(try state(of: browser), 7, 3, expected)
        try browser.press("End")
        try browser.press("PageDown")
        check(try state(of: browser), 10, 14, expected)
        try browser.press("Escape")
        try browser.moveMouse(x: other.x + 1, y: other.y)
        check(try state(of: browser), 6, 6, expected)
        #expect(browser.requests == [URL(fileURLWithPath: file).absoluteString])
        #expect(browser.errors.isEmpty)
    }

    /// A name does not become markup, and injected scripts and handlers do not run.
    @Test(.inBrowser, .timeLimit(.minutes(3))) func onlyPageScriptRuns() throws {
        let browser = try Browser(width: 1280, height: 900)
        try browser.load(inspect(named: Self.hostileNames[1]))
        let found = try #require(
            browser.evaluate(
                """
                [...document.querySelectorAll('*')].flatMap(node => [...node.attributes])
                  .filter(attribute => attribute.name.startsWith('on')).length
                """) as? Int)
        #expect(found == 0)
        #expect(browser.errors.isEmpty)
        let ran = try browser.evaluate(
            """
            (() => {
              const script = document.createElement('script');
              script.textContent = 'window.ran = 1';
              const image = document.createElement('div');
              image.innerHTML = '<img src="data:," onerror="window.ran = 2">';
              document.body.append(script, image);
              return new Promise(done => setTimeout(() => done(window.ran ?? 0), 300));
            })()
            """)
        #expect(ran as? Int == 0)
        #expect(!browser.errors.isEmpty)
    }

    /// The heat map's colours follow the cosines, up to the rounding of the page's descriptors.
    @Test(.inBrowser, .timeLimit(.minutes(3)), arguments: [[], ["--bin"]] as [[String]])
    func phoneShowsBothPhotos(options: [String]) throws {
        let file = try inspect(options)
        let expected = try cosines(options)
        let browser = try Browser(width: 390, height: 844, isPhone: true)
        try browser.load(file)
        let point = try position(browser, row: 4, column: 9)
        try browser.tap(x: point.x, y: point.y)
        check(try state(of: browser), 4, 9, expected)
        // One above the other, both visible, and without horizontal scrolling.
        let boxes = try #require(
            browser.evaluate(
                """
                ['source', 'target'].flatMap(id => {
                  const box = document.getElementById(id).getBoundingClientRect();
                  return [box.top, box.bottom];
                }).concat([document.documentElement.scrollWidth])
                """) as? [Any]
        ).compactMap { ($0 as? NSNumber)?.doubleValue }
        #expect(boxes[0] >= 0 && boxes[1] <= boxes[2] && boxes[3] <= 844 && boxes[4] <= 390)
        let levels = try #require(
            browser.evaluate(
                """
                (() => {
                  const colours = JSON.parse(document.getElementById('layout').textContent).colours;
                  const heat = document.querySelector('#target canvas');
                  const pixels = heat.getContext('2d').getImageData(0, 0, heat.width, heat.height).data;
                  const index = {};
                  for (let level = 255; level >= 0; level--)
                    index[colours.slice(3 * level, 3 * level + 3)] = level;
                  return Array.from({ length: heat.width * heat.height }, (_, cell) =>
                    index[[...pixels.slice(4 * cell, 4 * cell + 3)]]);
                })()
                """) as? [Any]
        ).compactMap { ($0 as? NSNumber)?.doubleValue }
        let cosines = expected[4 * 15 + 9]
        let middle = cosines.sorted()[cosines.count / 2]
        let range = (cosines.max() ?? 0) - middle
        #expect(levels.count == cosines.count)
        for (cosine, level) in zip(cosines, levels) {
            let exact = min(max((cosine - middle) / range, 0), 1) * 255
            // Bytes are within 1/254 of a descriptor's greatest channel.
            #expect(abs(exact - level) < 1.5 + 0.002 / range * 255)
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Only where there is a browser.
    static var inBrowser: Self {
        .enabled(
            if: Browser.executable != nil,
            "no Chromium on the path (Debian: chromium or chromium-headless-shell)")
    }
}
