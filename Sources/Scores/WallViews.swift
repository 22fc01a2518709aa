import Descriptors
import Foundation
import Images

/// Views of a flat wall with known correspondences: a folder with img1.png, img2.png … and H1to2p …,
/// homographies from the pixels of the first view (Mikolajczyk et al. 2005).
package struct WallViews {
    private let folder: String

    /// The views in a folder.
    package init(contentsOf folder: String) {
        self.folder = folder
    }

    /// Counts the best buddies of the first view and another: those whose true place is in the other view
    /// (`all`), and those among them that lie within `pixels` of it (`right`).
    package func share(
        of describer: some Describer, to view: Int, within pixels: Double = 8
    ) throws -> (right: Int, all: Int) {
        let first = try Image(contentsOf: folder + "/img1.png")
        let other = try Image(contentsOf: "\(folder)/img\(view).png")
        let a = try describer.descriptors(of: first)
        let b = try describer.descriptors(of: other)
        let homography = try homography(to: view)
        var (right, all) = (0, 0)
        for buddy in bestBuddies(a, b, binning: describer.binning) {
            let source = a.pixel(of: a.cell(at: buddy.source))
            let target = b.pixel(of: b.cell(at: buddy.target))
            // The homography's origin is the centre of the first pixel.
            func row(_ row: Int) -> Double {
                homography[3 * row] * (source.x - 0.5) + homography[3 * row + 1] * (source.y - 0.5)
                    + homography[3 * row + 2]
            }
            let (x, y) = (row(0) / row(2) + 0.5, row(1) / row(2) + 0.5)
            guard 0..<Double(other.width) ~= x, 0..<Double(other.height) ~= y else { continue }
            all += 1
            let (dx, dy) = (x - target.x, y - target.y)
            if (dx * dx + dy * dy).squareRoot() <= pixels { right += 1 }
        }
        return (right, all)
    }

    private func homography(to view: Int) throws -> [Double] {
        let path = "\(folder)/H1to\(view)p"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard numbers.count == 9 else { throw ScoresError.noHomography(path: path) }
        return numbers
    }
}

/// Why scores cannot be computed; the `description` is one sentence.
package enum ScoresError: Error, CustomStringConvertible {
    /// The file does not contain a homography.
    case noHomography(path: String)

    package var description: String {
        switch self {
        case .noHomography(let path): "\(path) does not contain the nine numbers of a homography"
        }
    }
}
