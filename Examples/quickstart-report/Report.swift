import DINO
import Foundation
import Scores
import Synthesis
import Tensors
import ViT

/// Measures the networks of the quickstart and writes its page: first with the default network's results, and again
/// once a network has been trained.
struct Report {
    private let folder: String
    private let series: Series

    init(folder: String) throws {
        self.folder = folder
        series = try Series(contentsOf: folder + "/creatures/labels.json")
    }

    /// Writes index.html with its pictures and, given a training run, figures.json; prints the figures.
    ///
    /// - Parameter run: the folder of a completed training, if there is one yet.
    func write(run: String?) throws {
        let illustrations = Illustrations(series: series)
        try illustrations.creatures().writePNG(to: folder + "/creatures.png")
        var training: Page.Training?
        if let run {
            guard let configuration = try TrainingRun.configuration(in: run) else {
                throw Failure("\(run) contains no training run")
            }
            let model = try VisionTransformer(contentsOf: run + "/teacher.safetensors")
            // The same seed as in training gives the network at step 0.
            var generator = Xoshiro256(seed: configuration.options.seed)
            let untrained = Network(
                VisionTransformer(
                    untrained: configuration.options.network,
                    initialization: configuration.options.initialization, using: &generator))
            let networks = Networks(
                untrained: untrained, trained: Network(model), bundled: Network(try .bundled()))
            let measurement = Measurement(series)
            let results = Results(
                untrained: try measurement.figures(of: networks.untrained),
                trained: try measurement.figures(of: networks.trained),
                bundled: try measurement.figures(of: networks.bundled),
                guess: measurement.guesses())
            try illustrations.keypoints(networks).writePNG(to: folder + "/keypoints.png")
            try illustrations.saliency(networks).writePNG(to: folder + "/saliency.png")
            try illustrations.parts(networks).writePNG(to: folder + "/parts.png")
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try write(encoder.encode(results) + Data("\n".utf8), to: "figures.json")
            let journal = try Journal(contentsOf: run + "/log.jsonl")
            training = Page.Training(
                results: results, journal: journal,
                findings: journal.findings(.init(configuration)),
                network: configuration.options.network,
                bundled: networks.bundled.model.configuration, pictures: series.count)
            print(results)
        }
        let page = Page(
            kinds: series.kinds.map(\.rawValue), overlays: try overlays(), training: training)
        try write(Data(page.html.utf8), to: "index.html")
    }

    /// The pictures of parts by the default network, as paths within the folder.
    private func overlays() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder + "/default")
            .filter { $0.hasSuffix(".parts.overlay.png") }.sorted().map { "default/" + $0 }
    }

    private func write(_ data: Data, to name: String) throws {
        try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)"), options: .atomic)
    }
}

/// The networks that are compared.
struct Networks {
    var untrained: Network
    var trained: Network
    var bundled: Network
}

/// The figures of the networks and of guessing.
struct Results: Codable, CustomStringConvertible {
    var untrained: Figures
    var trained: Figures
    /// The figures of the default network.
    var bundled: Figures
    var guess: Figures

    /// The figures as a table.
    var description: String {
        func row(_ cells: [String]) -> String {
            let title = cells[0] + String(repeating: " ", count: max(0, 32 - cells[0].count))
            return title
                + cells.dropFirst().map { cell in
                    String(repeating: " ", count: max(0, 11 - cell.count)) + cell
                }.joined()
        }
        let measures: [(title: String, figure: KeyPath<Figures, Double>)] = [
            ("kinds by k-NN (20 neighbours)", \.kinds),
            ("keypoints found (PCK at 0.1)", \.keypoints),
            ("foreground by saliency (IoU)", \.saliency),
            ("object cut out (IoU)", \.object),
            ("parts (adjusted Rand index)", \.parts),
        ]
        let rows = measures.map { title, figure in
            row(
                [title]
                    + [untrained, trained, bundled, guess].map {
                        String(format: "%.1f%%", $0[keyPath: figure])
                    })
        }
        let heading = row(["", "untrained", "trained", "default", "guess"])
        return ([heading] + rows).joined(separator: "\n")
    }
}
