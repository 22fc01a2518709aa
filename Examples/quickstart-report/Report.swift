import DINO
import Foundation
import Synthesis
import Tensors
import ViT

/// Measures the networks of the quickstart and writes its report.
struct Report {
    private let folder: String
    private let series: Series
    private let journal: Journal
    private let configuration: TrainingConfiguration
    private let model: VisionTransformer

    private static let testCount = 480
    private static let pairCount = 160

    init(folder: String) throws {
        self.folder = folder
        series = try Series(contentsOf: folder + "/creatures/labels.json")
        let run = folder + "/training"
        guard let configuration = try TrainingRun.configuration(in: run) else {
            throw Failure("\(run) contains no training run")
        }
        self.configuration = configuration
        journal = try Journal(contentsOf: run + "/log.jsonl")
        model = try VisionTransformer(contentsOf: run + "/teacher.safetensors")
    }

    /// Writes figures.json, the pictures and index.html, and prints the figures.
    func write() throws {
        // The same seed as in training gives the network at step 0.
        var generator = Xoshiro256(seed: configuration.options.seed)
        let start = VisionTransformer(untrained: model.configuration, using: &generator)
        let untrained = Network(start, loadSize: series.size)
        let trained = Network(model, loadSize: series.size)
        let measurement = Measurement(
            series, testCount: Self.testCount, pairCount: Self.pairCount)
        let bundled = Network(try .bundled(), loadSize: series.size)
        let results = Results(
            untrained: try measurement.figures(of: untrained),
            trained: try measurement.figures(of: trained),
            bundled: try measurement.figures(of: bundled), guess: measurement.chance())
        try Illustrations(series: series, untrained: untrained, trained: trained, bundled: bundled)
            .write(to: folder)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try write(encoder.encode(results) + Data("\n".utf8), to: "figures.json")
        try write(Data(page(results, measurement).html.utf8), to: "index.html")
        print(results)
    }

    private func write(_ data: Data, to name: String) throws {
        try data.write(to: URL(fileURLWithPath: "\(folder)/\(name)"), options: .atomic)
    }

    private func page(_ results: Results, _ measurement: Measurement) -> Page {
        let network = configuration.options.network
        return Page(
            results: results, journal: journal,
            findings: journal.findings(.init(configuration)),
            outputs: configuration.options.head.prototypes, kinds: series.kinds.map(\.rawValue),
            lead: """
                A vision transformer of width \(network.width) and depth \(network.depth) was trained \
                without labels on \(series.count) synthetic pictures of \(series.kinds.count) kinds of \
                creatures, in \(journal.duration) on this machine.
                """,
            measuring: """
                Measured on \(Self.testCount) unseen pictures and \(Self.pairCount) pairs of different \
                kinds, for the network after training, for the same network before its first step, and \
                for the bundled default network, which was trained longer and on photos, too.
                """)
    }
}

/// The figures of the networks and of guessing.
struct Results: Codable, CustomStringConvertible {
    var untrained: Figures
    var trained: Figures
    /// The figures of the default weights.
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
            ("kinds by k-NN (20 neighbours)", \.nearestNeighbours),
            ("keypoints found (PCK at 0.1)", \.keypoints),
            ("foreground by saliency (IoU)", \.foreground),
            ("common object (IoU)", \.common), ("object cut out (IoU)", \.object),
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
