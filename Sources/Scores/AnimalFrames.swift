import Foundation
import Images

/// Frames of animals with named joints and masks: a folder with joints.json, made from DAVIS's frames and
/// BADJA's joints.
package struct AnimalFrames {
    /// The frames with their joints as keypoints.
    package let pictures: [KeypointPicture]
    /// The file names of the pictures.
    package let names: [String]
    /// Each picture's sequence and number in it, as in `dog-00003.jpg`.
    package let frames: [(sequence: String, number: Int)]

    private struct Listing: Decodable {
        var images: [Entry]

        struct Entry: Decodable {
            var image: String
            var mask: String
            var joints: [String: [Double]]
        }
    }

    package init(contentsOf folder: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/joints.json"))
        let listing = try JSONDecoder().decode(Listing.self, from: data)
        pictures = try listing.images.map { entry in
            let mask = try foreground(contentsOf: "\(folder)/\(entry.mask)")
            return KeypointPicture(
                image: try Image(contentsOf: "\(folder)/\(entry.image)"),
                places: entry.joints.compactMapValues { place in
                    place.count == 2 ? Point(x: place[0], y: place[1]) : nil
                },
                boxSide: mask.boxSide)
        }
        names = listing.images.map(\.image)
        frames = listing.images.map { entry in
            let parts = entry.image.prefix { $0 != "." }.split(separator: "-")
            return (
                parts.dropLast().joined(separator: "-"), parts.last.flatMap { Int($0) } ?? 0
            )
        }
    }

    /// Pairs of frames: within one sequence, all pairs at least ten frames apart, in both directions; between
    /// two sequences, all pairs from the first to the second. Sequences are given by prefixes of their names.
    package func pairs(from source: String, to target: String) -> [(source: Int, target: Int)] {
        frames.indices.flatMap { a in
            frames.indices.compactMap { b in
                guard frames[a].sequence.hasPrefix(source), frames[b].sequence.hasPrefix(target),
                    source != target || abs(frames[a].number - frames[b].number) >= 10
                else { return nil }
                return (a, b)
            }
        }
    }
}

/// Reads a mask: the pixels whose label is not 0, and the longer side of the box around them.
package func foreground(
    contentsOf path: String
) throws -> (mask: [Bool], boxSide: Double) {
    let image = try LabelImage(contentsOf: path)
    let mask = image.labels.map { $0 > 0 }
    var (left, top, right, bottom) = (image.width, image.height, -1, -1)
    for at in mask.indices where mask[at] {
        let (row, column) = at.quotientAndRemainder(dividingBy: image.width)
        (left, right) = (min(left, column), max(right, column))
        (top, bottom) = (min(top, row), max(bottom, row))
    }
    return (mask, Double(max(right + 1 - left, bottom + 1 - top)))
}
