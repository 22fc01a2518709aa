import Platform

/// The pictures that this package's program draws of others. They are often stored next to the photos or in subfolders
/// of theirs, so listing photos skips them.
package enum DrawnPicture: String, CaseIterable, Sendable {
    case saliency
    case mask
    case maskOverlay = "mask.overlay"
    case parts
    case partsOverlay = "parts.overlay"
    case components = "pca"

    /// The file name of this picture of a file whose name without extension is `stem`.
    package func name(for stem: String) -> String { "\(stem).\(rawValue).png" }

    /// The file name of the attention of one head.
    package static func attention(for stem: String, head: Int) -> String {
        "\(stem).\(attention)-\(head).png"
    }

    /// The picture of matched points, and the report next to it.
    package static let matches = (picture: "matches.png", report: "matches.json")
    /// The plot of a training run, and the log next to it.
    package static let loss = (picture: "loss.png", log: "log.jsonl")

    private static let attention = "attention"

    /// Whether a file name is that of such a picture.
    ///
    /// - Parameters:
    ///   - name: the file name.
    ///   - names: the names of all files in its folder.
    package static func isOne(_ name: String, among names: Set<String>) -> Bool {
        if name == matches.picture { return names.contains(matches.report) }
        if name == loss.picture { return names.contains(loss.log) }
        guard Path.type(of: name) == "png" else { return false }
        let stem = Path.stem(of: name)
        if allCases.contains(where: { stem.utf8.ends(with: ".\($0.rawValue)".utf8) }) {
            return true
        }
        guard let dash = stem.utf8.lastIndex(of: UInt8(ascii: "-")) else { return false }
        let head = stem.utf8[stem.utf8.index(after: dash)...]
        return !head.isEmpty && head.allSatisfy { (48...57).contains($0) }
            && stem.utf8[..<dash].ends(with: ".\(attention)".utf8)
    }
}

extension Collection where Element: Equatable, Self: BidirectionalCollection {
    fileprivate func ends(with suffix: some BidirectionalCollection<Element>) -> Bool {
        count > suffix.count && reversed().starts(with: suffix.reversed())
    }
}
