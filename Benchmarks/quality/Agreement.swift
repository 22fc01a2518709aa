import Descriptors
import Foundation
import Images
import Tensors
import ViT

/// The agreement of a quantised network's features with those in float32.
struct Agreement: CustomStringConvertible {
    private var kept = 0
    private var pairs = 0
    private var cosines: [Float] = []

    /// Compares the descriptors of photos, and the best buddies of consecutive photos.
    init(
        _ exact: VisionTransformer, _ rounded: VisionTransformer, _ options: FeatureOptions,
        binning: Binning, photosIn folder: String
    ) throws {
        let photos = try PictureFolder(folder)
        let extractors = try [exact, rounded].map { try Extractor($0, options).checked() }
        var previous: [DescriptorGrid]?
        for index in 0..<photos.count {
            let photo = try Image(contentsOf: photos.path(of: index))
            let grids = try extractors.map { try $0.descriptors(of: photo) }
            cosines += rowCosines(grids[0].matrix, grids[1].matrix)
            if let previous {
                let buddies = zip(previous, grids).map {
                    Set(bestBuddies($0, $1, binning: binning).map { [$0.source, $0.target] })
                }
                pairs += buddies[0].count
                kept += buddies[0].intersection(buddies[1]).count
            }
            previous = grids
        }
        cosines.sort()
    }

    var description: String {
        let quantile = cosines[cosines.count / 100]
        return String(
            format: "best buddies kept %.2f%% of %d, cosine 1%% quantile %.6f, median %.6f",
            100 * Double(kept) / Double(pairs), pairs, quantile, cosines[cosines.count / 2])
    }
}

/// The cosine of each row of a matrix with the same row of another.
private func rowCosines(_ a: Tensor, _ b: Tensor) -> [Float] {
    let (rows, columns) = (a.shape[0], a.shape[1])
    let (a, b) = (a.elements, b.elements)
    return (0..<rows).map { row in
        var (product, first, second) = (0.0, 0.0, 0.0)
        for i in row * columns..<(row + 1) * columns {
            product += Double(a[i]) * Double(b[i])
            first += Double(a[i]) * Double(a[i])
            second += Double(b[i]) * Double(b[i])
        }
        return Float(product / (first * second).squareRoot())
    }
}
