import Foundation
import Images
import Tensors

/// A picture's colours, in planes for mixtures of Gaussians.
struct PictureColours {
    private let count: Int
    /// Red, green and blue, each padded to a multiple of eight.
    private let planes: (Block<Float>, Block<Float>, Block<Float>)

    init(_ image: Image) {
        count = image.width * image.height
        let padded = (count + 7) / 8 * 8
        planes = (
            Block(repeating: 0, count: padded), Block(repeating: 0, count: padded),
            Block(repeating: 0, count: padded)
        )
        image.pixels.withUnsafeBufferPointer { samples in
            for pixel in 0..<count {
                planes.0[pixel] = Float(samples[3 * pixel])
                planes.1[pixel] = Float(samples[3 * pixel + 1])
                planes.2[pixel] = Float(samples[3 * pixel + 2])
            }
        }
    }

    /// Each pixel's initial component, by k-means of the colours of foreground and background separately,
    /// with ten iterations from k-means++ seeds as in OpenCV; nil if either is empty.
    func clusters(
        of labels: [GrabCut.Label], count components: Int,
        using generator: inout some RandomNumberGenerator
    ) -> [Int32]? {
        var assigned = [Int32](repeating: 0, count: count)
        for isForeground in [false, true] {
            let members = labels.indices.filter { labels[$0].isForeground == isForeground }
            guard !members.isEmpty else { return nil }
            var clusters = ColourClusters(count: members.count) { place in
                let pixel = members[place]
                return SIMD3(
                    planes.0[pixel], planes.1[pixel], planes.2[pixel])
            }
            let found = clusters.run(
                clusters: min(components, members.count), iterations: 10, using: &generator)
            for (pixel, label) in zip(members, found) { assigned[pixel] = label }
        }
        return assigned
    }

    /// Fits the mixtures of background and foreground to each pixel's label and component.
    func mixtures(
        _ labels: [GrabCut.Label], components: [Int32], count: Int
    ) -> (background: GaussianMixture, foreground: GaussianMixture) {
        var moments = [GaussianMixture.Moments](
            repeating: GaussianMixture.Moments(), count: 2 * count)
        moments.withUnsafeMutableBufferPointer { moments in
            for pixel in 0..<self.count {
                let place = labels[pixel].isForeground ? count : 0
                moments[place + Int(components[pixel])].add(
                    SIMD3(
                        Double(planes.0[pixel]), Double(planes.1[pixel]),
                        Double(planes.2[pixel])))
            }
        }
        return (
            GaussianMixture(Array(moments[..<count])), GaussianMixture(Array(moments[count...]))
        )
    }

    /// Both mixtures evaluated at each pixel.
    struct Evaluation {
        /// Logarithm of the foreground's density over the background's.
        var ratios: [Float]
        /// The likeliest component of the background.
        var background: [Int32]
        /// The likeliest component of the foreground.
        var foreground: [Int32]

        func components(of labels: [GrabCut.Label]) -> [Int32] {
            labels.indices.map { labels[$0].isForeground ? foreground[$0] : background[$0] }
        }
    }

    func evaluated(
        _ mixtures: (background: GaussianMixture, foreground: GaussianMixture)
    ) -> Evaluation {
        let padded = (count + 7) / 8 * 8
        let ratios = Block<Float>(count: padded)
        let background = Block<Int32>(count: padded)
        let foreground = Block<Int32>(count: padded)
        let size = 4096
        Parallelism.perform(count: (count + size - 1) / size) { block in
            let scratch = Block<Lanes>(
                count: max(
                    mixtures.background.components.count, mixtures.foreground.components.count))
            withUnsafePointers(
                reading: planes.0, planes.1, planes.2, ratios, background, foreground, scratch
            ) { reds, greens, blues, ratios, background, foreground, scratch in
                for pixel in stride(from: block * size, to: min((block + 1) * size, count), by: 8) {
                    let (red, green, blue) = (
                        load(reds + pixel), load(greens + pixel), load(blues + pixel)
                    )
                    let back = mixtures.background.verdict(
                        red: red, green: green, blue: blue, scratch: scratch)
                    let fore = mixtures.foreground.verdict(
                        red: red, green: green, blue: blue, scratch: scratch)
                    var ratio = fore.sum / back.sum
                    for lane in 0..<8 { ratio[lane] = log(ratio[lane]) }
                    store(ratio + (fore.top - back.top), to: ratios + pixel)
                    UnsafeMutableRawPointer(background + pixel)
                        .storeBytes(of: back.component, as: SIMD8<Int32>.self)
                    UnsafeMutableRawPointer(foreground + pixel)
                        .storeBytes(of: fore.component, as: SIMD8<Int32>.self)
                }
            }
        }
        return Evaluation(
            ratios: ratios.prefix(count), background: background.prefix(count),
            foreground: foreground.prefix(count))
    }
}
