import Foundation
import Images

/// Video sequences with a mask for each frame: a folder with JPEGImages/NAME/NUMBER.jpg and
/// Annotations/NAME/NUMBER.png, as in DAVIS.
package struct MaskedSequences {
    /// The sequences in ascending order of names, each with the numbers of the selected frames.
    package let sequences: [(name: String, frames: [String])]
    private let folder: String

    /// Lists the sequences of a folder, and selects every tenth frame, from the first on.
    package init(contentsOf folder: String) throws {
        self.folder = folder
        let files = FileManager.default
        sequences = try files.contentsOfDirectory(atPath: folder + "/Annotations").sorted()
            .filter { !$0.hasPrefix(".") }
            .map { name in
                let numbers = try files.contentsOfDirectory(atPath: "\(folder)/Annotations/\(name)")
                    .filter { $0.hasSuffix(".png") }.sorted().map { String($0.dropLast(4)) }
                return (name, stride(from: 0, to: numbers.count, by: 10).map { numbers[$0] })
            }
    }

    /// Reads a frame.
    package func image(_ sequence: String, _ frame: String) throws -> Image {
        try Image(contentsOf: "\(folder)/JPEGImages/\(sequence)/\(frame).jpg")
    }

    /// Reads a frame's mask; true is foreground.
    package func mask(_ sequence: String, _ frame: String) throws -> [Bool] {
        try foreground(contentsOf: "\(folder)/Annotations/\(sequence)/\(frame).png").mask
    }

    /// Intersection over union of a foreground with the masks, times 100: for each sequence the mean over
    /// its frames.
    ///
    /// - Parameter foreground: segments a frame.
    package func overlap(_ foreground: (Image) throws -> [Bool]) throws -> [Double] {
        try sequences.map { name, frames in
            let overlaps = try frames.map { frame in
                Scores.overlap(try foreground(image(name, frame)), try mask(name, frame))
            }
            return 100 * overlaps.reduce(0, +) / Double(max(overlaps.count, 1))
        }
    }
}
